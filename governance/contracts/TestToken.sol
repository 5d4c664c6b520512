// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token of the local world. One spender, the lending pool, needs no approval, and whoever is short of what
/// the pool takes is given it: people's purses outside of the market are not part of the world, so that a year of
/// its history stays small.
contract TestToken is ERC20 {
    uint8 private immutable _decimals;
    address public immutable spender;

    constructor(string memory name, string memory symbol, uint8 places, address pool) ERC20(name, symbol) {
        _decimals = places;
        spender = pool;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function allowance(address owner, address by) public view override returns (uint256) {
        return by == spender ? type(uint256).max : super.allowance(owner, by);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (msg.sender != spender || balanceOf(from) >= value) return super.transferFrom(from, to, value);
        _mint(to, value);
        return true;
    }
}
