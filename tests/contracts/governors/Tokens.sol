// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @notice Votes that are counted by block, as they are unless a token says otherwise.
contract BlockVotes is ERC20, ERC20Permit, ERC20Votes {
    constructor(address holder, uint256 supply) ERC20("Votes", "V") ERC20Permit("Votes") {
        _mint(holder, supply);
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}

/// @notice Voting power for Governor Bravo, as anybody sets it.
contract PriorVotes {
    mapping(address => uint96) public votes;

    function set(address account, uint96 amount) external {
        votes[account] = amount;
    }

    function getPriorVotes(address account, uint256) external view returns (uint96) {
        return votes[account];
    }
}

/// @notice Counts proposals, as the governor before a Governor Bravo did.
contract Predecessor {
    uint256 public proposalCount = 41;
}
