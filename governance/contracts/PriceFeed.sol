// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

/// @notice A price feed with the interface that lending protocols read; its publisher alone writes.
contract PriceFeed {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    error OnlyPublisher();

    uint8 public constant decimals = 8;
    uint256 public constant version = 1;
    address public immutable publisher;
    string public description;

    // One slot, so that a push writes one slot: price, round, time.
    int128 private _answer;
    uint64 private _round;
    uint64 private _updatedAt;

    constructor(string memory name, address writer) {
        description = name;
        publisher = writer;
    }

    function push(int128 answer) external {
        if (msg.sender != publisher) revert OnlyPublisher();
        _answer = answer;
        _round += 1;
        _updatedAt = uint64(block.timestamp);
        emit AnswerUpdated(answer, _round, block.timestamp);
    }

    function latestAnswer() external view returns (int256) {
        return _answer;
    }

    function latestTimestamp() external view returns (uint256) {
        return _updatedAt;
    }

    function latestRound() external view returns (uint256) {
        return _round;
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return (_round, _answer, _updatedAt, _updatedAt, _round);
    }
}
