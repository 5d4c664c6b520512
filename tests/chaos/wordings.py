"""What nodes of the world say of their limits, in their words: facts about services, from documents and reports."""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """A refusal: who says it, its JSON-RPC code and words, and the number of blocks that they hint at (0: none)."""

    who: str
    code: int
    said: str
    hint: int


RANGE = (
    Wording(
        "alchemy",
        -32602,
        "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the"
        " response size, or you can request any block range with a cap of 10K logs in the response. Based on your"
        " parameters and the response size limit, this block range should work: [0x10, 0x2f]",
        32,
    ),
    Wording("alchemy, formerly", -32602, "Log response size exceeded. Please reduce query block range.", 0),
    Wording(
        "alchemy, free",
        -32600,
        "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your"
        " parameters, this block range should work: [0x1, 0xa]. Upgrade to PAYG for expanded block range.",
        10,
    ),
    Wording("alchemy, other chains", -32600, "You can make eth_getLogs requests with up to a 500 block range.", 500),
    Wording("infura", -32005, "query returned more than 10000 results. Try with this block range [0x64, 0xC7].", 100),
    Wording("infura, bare", -32005, "query returned more than 10000 results", 0),
    Wording("infura, range", -32602, "range 1000000 exceeds limit of 10000", 10_000),
    Wording("infura, time", -32005, "query duration exceeded 10 seconds", 0),
    Wording("quicknode", -32614, "eth_getLogs is limited to a 10,000 range", 10_000),
    Wording(
        "quicknode, free",
        -32614,
        "eth_getLogs is limited to a 5 range, upgrade from free plan at https://dashboard.example/billing/plan",
        5,
    ),
    Wording("quicknode, size", -32000, "Response size is larger than 150MB limit.", 0),
    Wording("ankr", -32600, "block range is too wide", 0),
    Wording("chainstack", -32602, "Block range limit exceeded. See more details at https://docs.example/limits", 0),
    Wording("blast", -32603, "eth_getLogs range is too large, max is 1k blocks", 1_000),
    Wording("blockpi", -32602, "eth_getLogs is limited to 1024 block range. Please check the parameters", 1_024),
    Wording("drpc", 35, "ranges over 10000 blocks are not supported on freetier", 10_000),
    Wording(
        "cloudflare",
        -32047,
        "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800",
        800,
    ),
    Wording("bnb", -32000, "exceed maximum block range: 5000", 5_000),
    Wording("publicnode", -32701, "exceed maximum block range: 50000", 50_000),
    Wording("bnb, ambiguous", -32005, "limit exceeded", 0),
    Wording("reth", -32602, "query exceeds max block range 100000", 100_000),
    Wording("reth, results", -32602, "query exceeds max results 20000, retry with the range 23879634-23879696", 63),
    Wording("moonbeam", -32603, "block range is too wide (maximum 1024)", 1_024),
    Wording(
        "morph",
        -32000,
        "block range is larger than max block range, block range = 5120, max block range = 5000",
        5_000,
    ),
    Wording("scroll", -32000, "block range is bigger than maxBlockRange", 0),
    Wording("cdk-erigon", -32005, "block range too large, max range: 2000", 2_000),
    Wording("besu", -32005, "Requested range exceeds maximum RPC range limit", 0),
    Wording("nethermind", -32005, "Too many logs requested. Max logs per response is 20000.", 0),
    Wording("base", -32000, "block range too large", 0),
    Wording("base, backend", -32020, "backend response too large", 0),
    Wording("jsonrpsee", -32008, "Response is too big", 0),
    Wording("geth, size", -32003, "response too large", 0),
    Wording("geth, time", -32002, "request timed out", 0),
    Wording("geth, query", -32000, "query timeout exceeded", 0),
    Wording("erigon", -32000, "context deadline exceeded", 0),
    Wording("1rpc", -32602, "eth_getLogs is limited to 0 - 5000 blocks range", 5_000),
)
BATCH = (
    Wording("geth", -32600, "batch too large", 0),
    Wording("drpc", 31, "Batch of more than 3 requests are not allowed on free tier, to use this feature register", 2),
    Wording("others", -32600, "Too many requests in batch, max is 100", 99),
    Wording("nethermind", -32005, "Batch size limit exceeded", 0),
)
RATE = (
    Wording("alchemy", 429, "Your app has exceeded its compute units per second capacity.", 0),
    Wording("infura", -32005, "daily request count exceeded, request rate limited", 0),
    Wording("infura, project", -32005, "project ID request rate exceeded", 0),
    Wording(
        "quicknode", -32007, "50/second request limit reached - reduce calls per second or upgrade your account", 0
    ),
    Wording("ankr", -32090, "Too many requests, reason: call rate limit exhausted, retry in 10s", 0),
    Wording("public", -32029, "Too Many Requests", 0),
    Wording("base", -32016, "over rate limit", 0),
    Wording("drpc", 15, "Too many requests, please slow down", 0),
)
PRUNED = (
    Wording("geth, history", 4444, "pruned history unavailable", 0),
    Wording("geth, state", -32000, "missing trie node 5f (path ) state is not available, it was pruned", 0),
    Wording("erigon", -32000, "history has been pruned for this block", 0),
    Wording("others", -32000, "history expired: blocks before the merge are not available", 0),
    Wording("others, code alone", 4444, "not here", 0),
)
