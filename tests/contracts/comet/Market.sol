// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {AssetInfo, Collaterals, IDecimals, MarketTerms} from "./Terms.sol";

interface IFeed {
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
}

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
    function balanceOf(address who) external view returns (uint256);
}

/// @notice A market that keeps its books by the published rules of Compound III: one base token, signed principals,
/// two indexes that grow by kinked rates, collateral that earns nothing, absorption of bad positions. It is written from
/// those rules for tests of a replay, and leaves out what no book depends on (rewards, permissions, pauses).
contract Market {
    uint256 private constant INDEX_SCALE = 1e15;
    uint256 private constant FACTOR = 1e18;
    uint64 private constant YEAR = 31_536_000;

    event Supply(address indexed from, address indexed dst, uint256 amount);
    event Withdraw(address indexed src, address indexed to, uint256 amount);
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event SupplyCollateral(address indexed from, address indexed dst, address indexed asset, uint256 amount);
    event WithdrawCollateral(address indexed src, address indexed to, address indexed asset, uint256 amount);
    event TransferCollateral(address indexed from, address indexed to, address indexed asset, uint256 amount);
    event AbsorbDebt(address indexed absorber, address indexed borrower, uint256 basePaidOut, uint256 usdValue);
    event AbsorbCollateral(
        address indexed absorber,
        address indexed borrower,
        address indexed asset,
        uint256 collateralAbsorbed,
        uint256 usdValue
    );
    event BuyCollateral(address indexed buyer, address indexed asset, uint256 baseAmount, uint256 collateralAmount);

    error AlreadyInitialized();
    error BadAsset();
    error BorrowTooSmall();
    error NotCollateralized();
    error NotForSale();
    error NotLiquidatable();
    error SelfTransfer();
    error SupplyCapExceeded();

    struct Curve {
        uint256 kink;
        uint256 low;
        uint256 high;
        uint256 base;
    }

    address public immutable baseToken;
    address public immutable baseTokenPriceFeed;
    uint256 public immutable baseScale;
    uint256 public immutable supplyKink;
    uint256 public immutable supplyPerSecondInterestRateSlopeLow;
    uint256 public immutable supplyPerSecondInterestRateSlopeHigh;
    uint256 public immutable supplyPerSecondInterestRateBase;
    uint256 public immutable borrowKink;
    uint256 public immutable borrowPerSecondInterestRateSlopeLow;
    uint256 public immutable borrowPerSecondInterestRateSlopeHigh;
    uint256 public immutable borrowPerSecondInterestRateBase;
    uint256 public immutable storeFrontPriceFactor;
    uint256 public immutable baseBorrowMin;
    uint256 public immutable targetReserves;
    uint8 public immutable numAssets;
    Collaterals private immutable _collaterals;

    uint64 private _supplyIndex;
    uint64 private _borrowIndex;
    uint40 private _accruedAt;
    uint104 private _suppliedPrincipal;
    uint104 private _borrowedPrincipal;
    mapping(address account => int104) private _principal;
    mapping(address account => mapping(address asset => uint128)) private _held;
    mapping(address asset => uint128) private _heldInAll;

    constructor(MarketTerms memory terms) {
        baseToken = terms.baseToken;
        baseTokenPriceFeed = terms.baseTokenPriceFeed;
        baseScale = 10 ** IDecimals(terms.baseToken).decimals();
        supplyKink = terms.supplyKink;
        supplyPerSecondInterestRateSlopeLow = terms.supplySlopeLow / YEAR;
        supplyPerSecondInterestRateSlopeHigh = terms.supplySlopeHigh / YEAR;
        supplyPerSecondInterestRateBase = terms.supplyBase / YEAR;
        borrowKink = terms.borrowKink;
        borrowPerSecondInterestRateSlopeLow = terms.borrowSlopeLow / YEAR;
        borrowPerSecondInterestRateSlopeHigh = terms.borrowSlopeHigh / YEAR;
        borrowPerSecondInterestRateBase = terms.borrowBase / YEAR;
        storeFrontPriceFactor = terms.storeFrontPriceFactor;
        baseBorrowMin = terms.baseBorrowMin;
        targetReserves = terms.targetReserves;
        _collaterals = new Collaterals(terms.assets);
        numAssets = uint8(terms.assets.length);
    }

    // ---- what people do

    function initializeStorage() external {
        if (_accruedAt != 0) revert AlreadyInitialized();
        _accruedAt = uint40(block.timestamp);
        _supplyIndex = _borrowIndex = uint64(INDEX_SCALE);
    }

    function supply(address asset, uint256 amount) external {
        supplyTo(msg.sender, asset, amount);
    }

    function supplyTo(address dst, address asset, uint256 amount) public {
        if (asset != baseToken) return _supplyCollateral(dst, asset, amount);
        if (amount == type(uint256).max) amount = borrowBalanceOf(dst);
        IToken(asset).transferFrom(msg.sender, address(this), amount);
        _accrue();
        uint104 minted = _rise(dst, amount);
        emit Supply(msg.sender, dst, amount);
        _tellMint(dst, minted);
    }

    function withdraw(address asset, uint256 amount) external {
        if (asset != baseToken) return _withdrawCollateral(asset, amount);
        if (amount == type(uint256).max) amount = balanceOf(msg.sender);
        _accrue();
        uint104 burnt = _fall(msg.sender, amount);
        IToken(asset).transfer(msg.sender, amount);
        emit Withdraw(msg.sender, msg.sender, amount);
        _tellBurn(msg.sender, burnt);
    }

    function transfer(address dst, uint256 amount) external returns (bool) {
        if (dst == msg.sender) revert SelfTransfer();
        if (amount == type(uint256).max) amount = balanceOf(msg.sender);
        _accrue();
        uint104 minted = _rise(dst, amount);
        uint104 burnt = _fall(msg.sender, amount);
        _tellBurn(msg.sender, burnt);
        _tellMint(dst, minted);
        return true;
    }

    function transferAsset(address dst, address asset, uint128 amount) external {
        if (dst == msg.sender) revert SelfTransfer();
        _held[msg.sender][asset] -= amount;
        _held[dst][asset] += amount;
        _requireCollateral(msg.sender);
        emit TransferCollateral(msg.sender, dst, asset, amount);
    }

    function accrueAccount(address) external {
        _accrue(); // tells nobody
    }

    function absorb(address absorber, address[] calldata accounts) external {
        _accrue();
        for (uint256 i = 0; i < accounts.length; ++i) {
            _absorb(absorber, accounts[i]);
        }
    }

    function buyCollateral(address asset, uint256, uint256 baseAmount, address recipient) external {
        if (_reserves() >= int256(targetReserves)) revert NotForSale();
        IToken(baseToken).transferFrom(msg.sender, address(this), baseAmount);
        AssetInfo memory info = getAssetInfoByAddress(asset);
        uint256 discount = storeFrontPriceFactor * (FACTOR - info.liquidationFactor) / FACTOR;
        uint256 price = getPrice(info.priceFeed) * (FACTOR - discount) / FACTOR;
        uint256 bought = getPrice(baseTokenPriceFeed) * baseAmount * info.scale / price / baseScale;
        IToken(asset).transfer(recipient, bought);
        emit BuyCollateral(msg.sender, asset, baseAmount, bought);
    }

    // ---- what people ask

    function balanceOf(address account) public view returns (uint256) {
        (uint64 index,) = _indexesNow();
        int104 principal = _principal[account];
        return principal > 0 ? uint256(uint104(principal)) * index / INDEX_SCALE : 0;
    }

    function borrowBalanceOf(address account) public view returns (uint256) {
        (, uint64 index) = _indexesNow();
        int104 principal = _principal[account];
        return principal < 0 ? uint256(uint104(-principal)) * index / INDEX_SCALE : 0;
    }

    function totalSupply() external view returns (uint256) {
        (uint64 index,) = _indexesNow();
        return uint256(_suppliedPrincipal) * index / INDEX_SCALE;
    }

    function totalBorrow() external view returns (uint256) {
        (, uint64 index) = _indexesNow();
        return uint256(_borrowedPrincipal) * index / INDEX_SCALE;
    }

    function userBasic(address account) external view returns (int104, uint64, uint64, uint16, uint8) {
        return (_principal[account], 0, 0, 0, 0);
    }

    function userCollateral(address account, address asset) external view returns (uint128, uint128) {
        return (_held[account][asset], 0);
    }

    function totalsCollateral(address asset) external view returns (uint128, uint128) {
        return (_heldInAll[asset], 0);
    }

    function totalsBasic() external view returns (uint64, uint64, uint64, uint64, uint104, uint104, uint40, uint8) {
        return (_supplyIndex, _borrowIndex, 0, 0, _suppliedPrincipal, _borrowedPrincipal, _accruedAt, 0);
    }

    function getPrice(address feed) public view returns (uint256) {
        (, int256 answer,,,) = IFeed(feed).latestRoundData();
        return uint256(answer);
    }

    function getAssetInfo(uint8 i) public view returns (AssetInfo memory) {
        return _collaterals.at(i);
    }

    function getAssetInfoByAddress(address asset) public view returns (AssetInfo memory) {
        for (uint8 i = 0; i < numAssets; ++i) {
            AssetInfo memory info = _collaterals.at(i);
            if (info.asset == asset) return info;
        }
        revert BadAsset();
    }

    function isLiquidatable(address account) public view returns (bool) {
        return _principal[account] < 0 && _spare(account, false) < 0;
    }

    function isBorrowCollateralized(address account) public view returns (bool) {
        return _principal[account] >= 0 || _spare(account, true) >= 0;
    }

    // ---- the books

    function _accrue() private {
        if (block.timestamp == _accruedAt) return;
        (_supplyIndex, _borrowIndex) = _indexesNow();
        _accruedAt = uint40(block.timestamp);
    }

    function _indexesNow() private view returns (uint64 supplyIndex, uint64 borrowIndex) {
        (supplyIndex, borrowIndex) = (_supplyIndex, _borrowIndex);
        uint256 elapsed = block.timestamp - _accruedAt;
        if (elapsed == 0) return (supplyIndex, borrowIndex);
        uint256 supplied = uint256(_suppliedPrincipal) * supplyIndex / INDEX_SCALE;
        uint256 borrowed = uint256(_borrowedPrincipal) * borrowIndex / INDEX_SCALE;
        uint256 use = supplied == 0 ? 0 : borrowed * FACTOR / supplied;
        Curve memory earn = Curve(
            supplyKink,
            supplyPerSecondInterestRateSlopeLow,
            supplyPerSecondInterestRateSlopeHigh,
            supplyPerSecondInterestRateBase
        );
        Curve memory pay = Curve(
            borrowKink,
            borrowPerSecondInterestRateSlopeLow,
            borrowPerSecondInterestRateSlopeHigh,
            borrowPerSecondInterestRateBase
        );
        supplyIndex += uint64(uint256(supplyIndex) * (_rate(earn, use) * elapsed) / FACTOR);
        borrowIndex += uint64(uint256(borrowIndex) * (_rate(pay, use) * elapsed) / FACTOR);
    }

    function _rate(Curve memory curve, uint256 use) private pure returns (uint256) {
        if (use <= curve.kink) return curve.base + curve.low * use / FACTOR;
        return curve.base + curve.low * curve.kink / FACTOR + curve.high * (use - curve.kink) / FACTOR;
    }

    function _balance(address account) private view returns (int256) {
        int256 principal = _principal[account];
        return principal >= 0
            ? principal * int256(uint256(_supplyIndex)) / int256(INDEX_SCALE)
            : -(-principal * int256(uint256(_borrowIndex)) / int256(INDEX_SCALE));
    }

    /// Suppliers are rounded down, borrowers up.
    function _toPrincipal(int256 balance) private view returns (int104) {
        if (balance >= 0) return int104(int256(uint256(balance) * INDEX_SCALE / _supplyIndex));
        return -int104(int256((uint256(-balance) * INDEX_SCALE + _borrowIndex - 1) / _borrowIndex));
    }

    /// Adds to an account's balance; returns by how much its principal as a supplier grew.
    function _rise(address account, uint256 amount) private returns (uint104 minted) {
        int104 before = _principal[account];
        int104 afterwards = _toPrincipal(_balance(account) + int256(amount));
        _principal[account] = afterwards;
        if (afterwards < before) return 0; // nothing was added, and rounding took one: the totals keep it
        minted = uint104(_above(afterwards) - _above(before));
        _suppliedPrincipal += minted;
        _borrowedPrincipal -= uint104(_above(-before) - _above(-afterwards));
    }

    /// Takes from an account's balance, into debt if need be; returns by how much its principal as a supplier fell.
    function _fall(address account, uint256 amount) private returns (uint104 burnt) {
        int104 before = _principal[account];
        int256 balance = _balance(account) - int256(amount);
        int104 afterwards = _toPrincipal(balance);
        _principal[account] = afterwards;
        if (afterwards <= before) {
            burnt = uint104(_above(before) - _above(afterwards));
            _suppliedPrincipal -= burnt;
            _borrowedPrincipal += uint104(_above(-afterwards) - _above(-before));
        }
        if (balance < 0) {
            if (uint256(-balance) < baseBorrowMin) revert BorrowTooSmall();
            _requireCollateral(account);
        }
    }

    function _above(int104 value) private pure returns (int104) {
        return value > 0 ? value : int104(0);
    }

    function _tellMint(address account, uint104 principal) private {
        if (principal > 0) emit Transfer(address(0), account, uint256(principal) * _supplyIndex / INDEX_SCALE);
    }

    function _tellBurn(address account, uint104 principal) private {
        if (principal > 0) emit Transfer(account, address(0), uint256(principal) * _supplyIndex / INDEX_SCALE);
    }

    function _supplyCollateral(address dst, address asset, uint256 amount) private {
        IToken(asset).transferFrom(msg.sender, address(this), amount);
        _held[dst][asset] += uint128(amount);
        _heldInAll[asset] += uint128(amount);
        if (_heldInAll[asset] > getAssetInfoByAddress(asset).supplyCap) revert SupplyCapExceeded();
        emit SupplyCollateral(msg.sender, dst, asset, amount);
    }

    function _withdrawCollateral(address asset, uint256 amount) private {
        _held[msg.sender][asset] -= uint128(amount);
        _heldInAll[asset] -= uint128(amount);
        _requireCollateral(msg.sender);
        IToken(asset).transfer(msg.sender, amount);
        emit WithdrawCollateral(msg.sender, msg.sender, asset, amount);
    }

    function _requireCollateral(address account) private view {
        if (!isBorrowCollateralized(account)) revert NotCollateralized();
    }

    /// Weighted collateral less debt, in the feeds' currency. Interest since the last accrual is not counted.
    function _spare(address account, bool borrowing) private view returns (int256 spare) {
        spare = _balance(account) * int256(getPrice(baseTokenPriceFeed)) / int256(baseScale);
        for (uint8 i = 0; i < numAssets; ++i) {
            AssetInfo memory info = _collaterals.at(i);
            uint256 value = uint256(_held[account][info.asset]) * getPrice(info.priceFeed) / info.scale;
            uint256 factor = borrowing ? info.borrowCollateralFactor : info.liquidateCollateralFactor;
            spare += int256(value * factor / FACTOR);
        }
    }

    function _absorb(address absorber, address account) private {
        if (!isLiquidatable(account)) revert NotLiquidatable();
        int256 owed = _balance(account);
        uint256 price = getPrice(baseTokenPriceFeed);
        uint256 credit;
        for (uint8 i = 0; i < numAssets; ++i) {
            AssetInfo memory info = _collaterals.at(i);
            uint128 seized = _held[account][info.asset];
            if (seized == 0) continue;
            _held[account][info.asset] = 0;
            _heldInAll[info.asset] -= seized;
            uint256 value = uint256(seized) * getPrice(info.priceFeed) / info.scale;
            credit += value * info.liquidationFactor / FACTOR;
            emit AbsorbCollateral(absorber, account, info.asset, seized, value);
        }
        int256 left = owed + int256(credit * baseScale / price);
        if (left < 0) left = 0; // the reserves bear the rest
        uint256 paid = uint256(left - owed);
        uint104 minted = _rise(account, paid);
        emit AbsorbDebt(absorber, account, paid, paid * price / baseScale);
        _tellMint(account, minted);
    }

    function _reserves() private view returns (int256) {
        (uint64 supplyIndex, uint64 borrowIndex) = _indexesNow();
        return int256(IToken(baseToken).balanceOf(address(this)))
            - int256(uint256(_suppliedPrincipal) * supplyIndex / INDEX_SCALE)
            + int256(uint256(_borrowedPrincipal) * borrowIndex / INDEX_SCALE);
    }
}
