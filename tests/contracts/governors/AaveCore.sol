// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

struct Payload {
    uint256 chain;
    uint8 accessLevel;
    address payloadsController;
    uint40 payloadId;
}

struct Proposal {
    uint8 state;
    uint8 accessLevel;
    uint40 creationTime;
    uint24 votingDuration;
    uint40 votingActivationTime;
    uint40 queuingTime;
    uint40 cancelTimestamp;
    address creator;
    address votingPortal;
    bytes32 snapshotBlockHash;
    bytes32 ipfsHash;
    uint128 forVotes;
    uint128 againstVotes;
    uint256 cancellationFee;
    Payload[] payloads;
}

/// @notice Has the interface of Aave's governance core and of a payloads controller; goes wherever it is told to.
contract AaveCore {
    uint256 public constant COOLDOWN_PERIOD = 0;
    uint256 public constant getVotingPortalsCount = 1;
    Proposal[] private _proposals;
    mapping(uint40 id => uint8) public getPayloadState;

    event ProposalCreated(
        uint256 indexed proposalId, address indexed creator, uint8 indexed accessLevel, bytes32 ipfsHash
    );
    event VotingActivated(uint256 indexed proposalId, bytes32 indexed snapshotBlockHash, uint24 votingDuration);
    event ProposalQueued(uint256 indexed proposalId, uint128 votesFor, uint128 votesAgainst);
    event ProposalFailed(uint256 indexed proposalId, uint128 votesFor, uint128 votesAgainst);
    event ProposalExecuted(uint256 indexed proposalId);
    event ProposalCanceled(uint256 indexed proposalId);

    function getProposalsCount() external view returns (uint256) {
        return _proposals.length;
    }

    function getProposal(uint256 id) external view returns (Proposal memory found) {
        if (id < _proposals.length) found = _proposals[id];
    }

    function getProposalState(uint256 id) external view returns (uint8) {
        return id < _proposals.length ? _proposals[id].state : 0;
    }

    function createProposal(Payload[] calldata payloads, address portal, bytes32 ipfsHash) external returns (uint256 id) {
        id = _proposals.length;
        Proposal storage made = _proposals.push();
        (made.state, made.accessLevel, made.creator) = (1, 1, msg.sender);
        (made.votingPortal, made.ipfsHash, made.creationTime) = (portal, ipfsHash, uint40(block.timestamp));
        for (uint256 i = 0; i < payloads.length; i++) made.payloads.push(payloads[i]);
        emit ProposalCreated(id, msg.sender, 1, ipfsHash);
    }

    function activateVoting(uint256 id) external {
        Proposal storage found = _proposals[id];
        (found.state, found.votingActivationTime, found.votingDuration) = (2, uint40(block.timestamp), 3 days);
        emit VotingActivated(id, blockhash(block.number - 1), 3 days);
    }

    function queueProposal(uint256 id, uint128 forVotes, uint128 againstVotes) external {
        Proposal storage found = _proposals[id];
        (found.forVotes, found.againstVotes, found.state) = (forVotes, againstVotes, forVotes > againstVotes ? 3 : 5);
        if (forVotes > againstVotes) emit ProposalQueued(id, forVotes, againstVotes);
        else emit ProposalFailed(id, forVotes, againstVotes);
    }

    function executeProposal(uint256 id) external {
        _proposals[id].state = 4;
        emit ProposalExecuted(id);
    }

    function cancelProposal(uint256 id) external {
        _proposals[id].state = 6;
        emit ProposalCanceled(id);
    }

    function expire(uint256 id) external {
        _proposals[id].state = 7;
    }

    function setPayloadState(uint40 id, uint8 state) external {
        getPayloadState[id] = state;
    }
}
