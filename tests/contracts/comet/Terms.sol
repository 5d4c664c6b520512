// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

// The shapes by which the published interface of Compound III speaks of a market's terms.

struct AssetTerms {
    address asset;
    address priceFeed;
    uint8 decimals;
    uint64 borrowCollateralFactor;
    uint64 liquidateCollateralFactor;
    uint64 liquidationFactor;
    uint128 supplyCap;
}

struct MarketTerms {
    address governor;
    address pauseGuardian;
    address baseToken;
    address baseTokenPriceFeed;
    address extensionDelegate;
    uint64 supplyKink;
    uint64 supplySlopeLow;
    uint64 supplySlopeHigh;
    uint64 supplyBase;
    uint64 borrowKink;
    uint64 borrowSlopeLow;
    uint64 borrowSlopeHigh;
    uint64 borrowBase;
    uint64 storeFrontPriceFactor;
    uint64 trackingIndexScale;
    uint64 baseTrackingSupplySpeed;
    uint64 baseTrackingBorrowSpeed;
    uint104 baseMinForRewards;
    uint104 baseBorrowMin;
    uint104 targetReserves;
    AssetTerms[] assets;
}

struct AssetInfo {
    uint8 offset;
    address asset;
    address priceFeed;
    uint64 scale;
    uint64 borrowCollateralFactor;
    uint64 liquidateCollateralFactor;
    uint64 liquidationFactor;
    uint128 supplyCap;
}

interface IDecimals {
    function decimals() external view returns (uint8);
}

/// @notice The collaterals of one version of a market, kept outside of it because arrays cannot be immutable.
contract Collaterals {
    AssetInfo[] private _list;

    constructor(AssetTerms[] memory assets) {
        for (uint8 i = 0; i < assets.length; ++i) {
            AssetTerms memory terms = assets[i];
            uint128 unit = uint128(10) ** terms.decimals;
            _list.push(
                AssetInfo({
                    offset: i,
                    asset: terms.asset,
                    priceFeed: terms.priceFeed,
                    scale: uint64(unit),
                    borrowCollateralFactor: _fourDigits(terms.borrowCollateralFactor),
                    liquidateCollateralFactor: _fourDigits(terms.liquidateCollateralFactor),
                    liquidationFactor: _fourDigits(terms.liquidationFactor),
                    supplyCap: terms.supplyCap - terms.supplyCap % unit
                })
            );
        }
    }

    function count() external view returns (uint8) {
        return uint8(_list.length);
    }

    function at(uint8 i) external view returns (AssetInfo memory) {
        return _list[i];
    }

    function _fourDigits(uint64 factor) private pure returns (uint64) {
        return factor - factor % 1e14;
    }
}
