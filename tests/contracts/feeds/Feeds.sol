// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.27;

/// @notice Publishes answers as an oracle network's aggregator does.
contract Aggregator {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    int256 public latestAnswer;
    uint256 public latestRound;
    string private _kind;

    constructor(string memory kind) {
        _kind = kind;
    }

    function typeAndVersion() external view returns (string memory) {
        require(bytes(_kind).length > 0, "unnamed");
        return _kind;
    }

    function publish(int256 answer) external {
        latestAnswer = answer;
        emit AnswerUpdated(answer, ++latestRound, block.timestamp);
    }
}

/// @notice Passes on the answer of its current aggregator, and moves to another one without an event.
contract FeedProxy {
    uint16 public phaseId;
    mapping(uint16 => Aggregator) public phaseAggregators;

    function confirm(Aggregator next) external {
        phaseAggregators[++phaseId] = next;
    }

    function aggregator() public view returns (Aggregator) {
        return phaseAggregators[phaseId];
    }

    function latestAnswer() external view returns (int256) {
        return aggregator().latestAnswer();
    }

    function latestRound() external view returns (uint256) {
        return aggregator().latestRound();
    }
}

/// @notice Computes its answer: another feed's, but never above a cap.
contract CapAdapter {
    FeedProxy public immutable ASSET_TO_USD_AGGREGATOR;
    int256 public immutable cap;

    constructor(FeedProxy feed, int256 largest) {
        ASSET_TO_USD_AGGREGATOR = feed;
        cap = largest;
    }

    function latestAnswer() external view returns (int256) {
        int256 answer = ASSET_TO_USD_AGGREGATOR.latestAnswer();
        return answer < cap ? answer : cap;
    }
}

/// @notice Answers the functions that it was given answers for, and no other.
contract Answers {
    mapping(bytes4 => bytes) private _answers;

    function set(bytes4 selector, bytes calldata answer) external {
        _answers[selector] = answer;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        bytes memory answer = _answers[msg.sig];
        require(answer.length > 0, "no such function");
        return answer;
    }
}
