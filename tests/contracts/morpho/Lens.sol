// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.19;

import {IMorpho, Id, MarketParams} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {Morpho} from "@morpho-org/morpho-blue/src/Morpho.sol";
import {MorphoBalancesLib} from "@morpho-org/morpho-blue/src/libraries/periphery/MorphoBalancesLib.sol";
import {IrmMock} from "@morpho-org/morpho-blue/src/mocks/IrmMock.sol";
import {OracleMock} from "@morpho-org/morpho-blue/src/mocks/OracleMock.sol";

/// @notice Asks the protocol's own library for the balances that the contract itself has no view of.
contract Lens {
    using MorphoBalancesLib for IMorpho;

    IMorpho private immutable _morpho;

    constructor(IMorpho morpho) {
        _morpho = morpho;
    }

    function market(MarketParams memory params) external view returns (uint256, uint256, uint256, uint256) {
        return _morpho.expectedMarketBalances(params);
    }

    function account(MarketParams memory params, address who) external view returns (uint256, uint256) {
        return (_morpho.expectedSupplyAssets(params, who), _morpho.expectedBorrowAssets(params, who));
    }
}
