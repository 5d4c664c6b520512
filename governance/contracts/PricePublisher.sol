// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {PriceFeed} from "./PriceFeed.sol";

/// @notice Owns a price feed for each asset and updates all of them in one transaction.
contract PricePublisher is Ownable {
    error WrongNumberOfPrices(uint256 given, uint256 needed);

    PriceFeed[] private _feeds;

    constructor(string[] memory names) Ownable(msg.sender) {
        for (uint256 i = 0; i < names.length; ++i) {
            _feeds.push(new PriceFeed(names[i], address(this)));
        }
    }

    function feeds() external view returns (PriceFeed[] memory) {
        return _feeds;
    }

    function publish(int128[] calldata answers) external onlyOwner {
        if (answers.length != _feeds.length) revert WrongNumberOfPrices(answers.length, _feeds.length);
        for (uint256 i = 0; i < answers.length; ++i) {
            _feeds[i].push(answers[i]);
        }
    }
}
