// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

import {Governor} from "openzeppelin-4/governance/Governor.sol";
import {GovernorCountingSimple} from "openzeppelin-4/governance/extensions/GovernorCountingSimple.sol";
import {GovernorTimelockControl} from "openzeppelin-4/governance/extensions/GovernorTimelockControl.sol";
import {GovernorTimelockCompound} from "openzeppelin-4/governance/extensions/GovernorTimelockCompound.sol";
import {GovernorVotes} from "openzeppelin-4/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from "openzeppelin-4/governance/extensions/GovernorVotesQuorumFraction.sol";
import {ICompoundTimelock} from "openzeppelin-4/vendor/compound/ICompoundTimelock.sol";
import {IVotes} from "openzeppelin-4/governance/utils/IVotes.sol";
import {TimelockController} from "openzeppelin-4/governance/TimelockController.sol";

/// @notice What the governors of version 4.9 below have in common; as it stands, one that executes without a timelock.
contract Plain4 is Governor, GovernorCountingSimple, GovernorVotes, GovernorVotesQuorumFraction {
    uint256 private immutable _delay;
    uint256 private immutable _period;

    constructor(IVotes token, uint256 delay, uint256 period)
        Governor("Old")
        GovernorVotes(token)
        GovernorVotesQuorumFraction(4)
    {
        _delay = delay;
        _period = period;
    }

    function votingDelay() public view override returns (uint256) {
        return _delay;
    }

    function votingPeriod() public view override returns (uint256) {
        return _period;
    }
}

/// @notice Version 4.9 with OpenZeppelin's timelock.
contract Control4 is Plain4, GovernorTimelockControl {
    constructor(IVotes token, TimelockController timelock, uint256 delay, uint256 period)
        Plain4(token, delay, period)
        GovernorTimelockControl(timelock)
    {}

    function state(uint256 id) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(id);
    }

    function supportsInterface(bytes4 id) public view override(Governor, GovernorTimelockControl) returns (bool) {
        return super.supportsInterface(id);
    }

    function _execute(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 text
    ) internal override(Governor, GovernorTimelockControl) {
        super._execute(id, targets, values, calldatas, text);
    }

    function _cancel(address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 text)
        internal
        override(Governor, GovernorTimelockControl)
        returns (uint256)
    {
        return super._cancel(targets, values, calldatas, text);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

/// @notice Version 4.9 with Compound's timelock.
contract Compound4 is Plain4, GovernorTimelockCompound {
    constructor(IVotes token, ICompoundTimelock timelock, uint256 delay, uint256 period)
        Plain4(token, delay, period)
        GovernorTimelockCompound(timelock)
    {}

    function state(uint256 id) public view override(Governor, GovernorTimelockCompound) returns (ProposalState) {
        return super.state(id);
    }

    function supportsInterface(bytes4 id) public view override(Governor, GovernorTimelockCompound) returns (bool) {
        return super.supportsInterface(id);
    }

    function _execute(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 text
    ) internal override(Governor, GovernorTimelockCompound) {
        super._execute(id, targets, values, calldatas, text);
    }

    function _cancel(address[] memory targets, uint256[] memory values, bytes[] memory calldatas, bytes32 text)
        internal
        override(Governor, GovernorTimelockCompound)
        returns (uint256)
    {
        return super._cancel(targets, values, calldatas, text);
    }

    function _executor() internal view override(Governor, GovernorTimelockCompound) returns (address) {
        return super._executor();
    }
}
