// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {Market} from "./Market.sol";
import {AssetTerms, MarketTerms} from "./Terms.sol";

/// @notice The market's address: passes every call on to the version that its admin chose last.
contract MarketProxy {
    bytes32 private constant IMPLEMENTATION = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    bytes32 private constant ADMIN = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    event Upgraded(address indexed implementation);

    constructor(address admin) {
        bytes32 slot = ADMIN;
        assembly {
            sstore(slot, admin)
        }
    }

    fallback() external payable {
        bytes32 slot = IMPLEMENTATION;
        bytes32 owner = ADMIN;
        bool byAdmin;
        assembly {
            byAdmin := eq(sload(owner), caller())
        }
        if (byAdmin) return _upgrade();
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(slot), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    /// The admin only ever says `upgradeTo(address)`.
    function _upgrade() private {
        address implementation = abi.decode(msg.data[4:], (address));
        bytes32 slot = IMPLEMENTATION;
        assembly {
            sstore(slot, implementation)
        }
        emit Upgraded(implementation);
    }
}

/// @notice Makes versions of a market.
contract MarketFactory {
    function make(MarketTerms calldata terms) external returns (address) {
        return address(new Market(terms));
    }
}

/// @notice Keeps the terms that the next version of a market is made with. Setting them changes nothing yet.
contract Configurator {
    event SetConfiguration(address indexed cometProxy, MarketTerms oldConfiguration, MarketTerms newConfiguration);
    event AddAsset(address indexed cometProxy, AssetTerms assetConfig);
    event CometDeployed(address indexed cometProxy, address indexed newComet);
    event SetStoreFrontPriceFactor(address indexed cometProxy, uint64 oldFactor, uint64 newFactor);
    event SetBaseBorrowMin(address indexed cometProxy, uint104 oldMinimum, uint104 newMinimum);
    event SetTargetReserves(address indexed cometProxy, uint104 oldTarget, uint104 newTarget);
    event SetBorrowPerYearInterestRateSlopeLow(address indexed cometProxy, uint64 oldSlope, uint64 newSlope);
    event UpdateAssetBorrowCollateralFactor(
        address indexed cometProxy, address indexed asset, uint64 oldFactor, uint64 newFactor
    );
    event UpdateAssetLiquidateCollateralFactor(
        address indexed cometProxy, address indexed asset, uint64 oldFactor, uint64 newFactor
    );
    event UpdateAssetLiquidationFactor(
        address indexed cometProxy, address indexed asset, uint64 oldFactor, uint64 newFactor
    );
    event UpdateAssetSupplyCap(address indexed cometProxy, address indexed asset, uint128 oldCap, uint128 newCap);
    event UpdateAssetPriceFeed(address indexed cometProxy, address indexed asset, address oldFeed, address newFeed);

    error OnlyGovernor();
    error AssetDoesNotExist();

    address private immutable _governor;
    MarketFactory private immutable _factory;
    mapping(address market => MarketTerms) private _terms;

    constructor(address governor, MarketFactory factory) {
        _governor = governor;
        _factory = factory;
    }

    modifier governed() {
        if (msg.sender != _governor) revert OnlyGovernor();
        _;
    }

    function getConfiguration(address market) external view returns (MarketTerms memory) {
        return _terms[market];
    }

    function setConfiguration(address market, MarketTerms calldata terms) external governed {
        emit SetConfiguration(market, _terms[market], terms);
        _terms[market] = terms;
    }

    function addAsset(address market, AssetTerms calldata asset) external governed {
        _terms[market].assets.push(asset);
        emit AddAsset(market, asset);
    }

    function setStoreFrontPriceFactor(address market, uint64 factor) external governed {
        emit SetStoreFrontPriceFactor(market, _terms[market].storeFrontPriceFactor, factor);
        _terms[market].storeFrontPriceFactor = factor;
    }

    function setBaseBorrowMin(address market, uint104 minimum) external governed {
        emit SetBaseBorrowMin(market, _terms[market].baseBorrowMin, minimum);
        _terms[market].baseBorrowMin = minimum;
    }

    function setTargetReserves(address market, uint104 target) external governed {
        emit SetTargetReserves(market, _terms[market].targetReserves, target);
        _terms[market].targetReserves = target;
    }

    function setBorrowPerYearInterestRateSlopeLow(address market, uint64 slope) external governed {
        emit SetBorrowPerYearInterestRateSlopeLow(market, _terms[market].borrowSlopeLow, slope);
        _terms[market].borrowSlopeLow = slope;
    }

    function updateAssetBorrowCollateralFactor(address market, address asset, uint64 factor) external governed {
        AssetTerms storage terms = _asset(market, asset);
        emit UpdateAssetBorrowCollateralFactor(market, asset, terms.borrowCollateralFactor, factor);
        terms.borrowCollateralFactor = factor;
    }

    function updateAssetLiquidateCollateralFactor(address market, address asset, uint64 factor) external governed {
        AssetTerms storage terms = _asset(market, asset);
        emit UpdateAssetLiquidateCollateralFactor(market, asset, terms.liquidateCollateralFactor, factor);
        terms.liquidateCollateralFactor = factor;
    }

    function updateAssetLiquidationFactor(address market, address asset, uint64 factor) external governed {
        AssetTerms storage terms = _asset(market, asset);
        emit UpdateAssetLiquidationFactor(market, asset, terms.liquidationFactor, factor);
        terms.liquidationFactor = factor;
    }

    function updateAssetSupplyCap(address market, address asset, uint128 cap) external governed {
        AssetTerms storage terms = _asset(market, asset);
        emit UpdateAssetSupplyCap(market, asset, terms.supplyCap, cap);
        terms.supplyCap = cap;
    }

    function updateAssetPriceFeed(address market, address asset, address feed) external governed {
        AssetTerms storage terms = _asset(market, asset);
        emit UpdateAssetPriceFeed(market, asset, terms.priceFeed, feed);
        terms.priceFeed = feed;
    }

    function deploy(address market) external returns (address made) {
        made = _factory.make(_terms[market]);
        emit CometDeployed(market, made);
    }

    function _asset(address market, address asset) private view returns (AssetTerms storage) {
        AssetTerms[] storage list = _terms[market].assets;
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].asset == asset) return list[i];
        }
        revert AssetDoesNotExist();
    }
}

/// @notice Owns the proxies: makes a market's next version from its terms and puts it in place.
contract MarketAdmin {
    error OnlyOwner();

    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function deployAndUpgradeTo(Configurator configurator, address market) external {
        if (msg.sender != _owner) revert OnlyOwner();
        address made = configurator.deploy(market);
        (bool ok,) = market.call(abi.encodeWithSignature("upgradeTo(address)", made));
        require(ok, "upgrade failed");
    }
}
