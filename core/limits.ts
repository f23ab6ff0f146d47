/**
 * Every limit of the system: its name, its unit, its reason.
 *
 * Anything that a client can make larger (a buffer, a queue, a loop) is bounded by one of these.
 * Relations between limits are checked when the module loads.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Bytes. */
export const KIB = 1024;
/** Bytes. */
export const MIB = 1024 * KIB;
/** Bytes. */
export const GIB = 1024 * MIB;

/** Payload of the longest pkt-line: 65520 bytes on the wire less the four length digits (git). */
export const PKT_LINE_PAYLOAD_MAX = 65516;
/** Payload of a full side-band-64k packet: one byte is the band number. */
export const SIDE_BAND_PAYLOAD_MAX = PKT_LINE_PAYLOAD_MAX - 1;

/** A pack part is cut into extents of this size: large enough to stream, small enough to repair. */
export const EXTENT_BYTES = 8 * MIB;
/** No extent is larger: one request body that may be buffered. */
export const EXTENT_BYTES_MAX = 16 * MIB;
/** Extents of one batched write: a small push has three, a repack's tail some dozens. */
export const EXTENT_BATCH_COUNT_MAX = 1024;
/** Body of a batched write: many small extents, whose copy into one body is cheap. */
export const EXTENT_BATCH_BYTES_MAX = 4 * MIB;
/** Extents that one client call writes at a time; the rest waits, as it would for the disk. */
export const EXTENT_WRITE_CONCURRENCY_MAX = 4;
/** Extent ids in one removal: at most 45 bytes of JSON each. */
export const EXTENT_REMOVE_COUNT_MAX = 10_000;
/** Extents in one page of a listing: at most 200 bytes of JSON each. */
export const EXTENT_LIST_COUNT_MAX = 4096;
/** Reference lines that travel with their repository: some 16,000. Others are asked for when wanted. */
export const LISTED_LINES_BYTES_MAX = 1 * MIB;
/** A call to the object cluster is repeated for so long: a node that dies is noticed much earlier. */
export const OBJECT_CALL_MS_MAX = 15 * 1000;
/** One attempt of it, with all nodes that it asks: the largest write to a busy disk. */
export const OBJECT_ATTEMPT_MS_MAX = 60 * 1000;
/** Bodies of extents that a node holds at a time; further writes wait for room. */
export const EXTENT_BODIES_BYTES_MAX = 128 * MIB;

/** One push: enough for the largest public repositories, small enough for a scratch disk. */
export const PUSH_BYTES_MAX = 16 * GIB;
/** Objects in one push: about 64 bytes of table each while it is ingested. */
export const PUSH_OBJECT_COUNT_MAX = 8_000_000;
/** One object, inflated. Git itself addresses more, people who push more use LFS. */
export const OBJECT_BYTES_MAX = 4 * GIB;
/** Commits, trees and tags are parsed in memory; real trees of a million entries fit. */
export const HISTORY_OBJECT_BYTES_MAX = 64 * MIB;
/** Objects above this are hashed and rebuilt through a scratch file, not in memory. */
export const IN_MEMORY_OBJECT_BYTES_MAX = 16 * MIB;
/** A delta chain longer than this is cut: reading an object costs as many steps. */
export const DELTA_DEPTH_MAX = 64;
/** A delta chain that holds an object too large for memory is never cut; longer ones are refused. */
export const LARGE_DELTA_DEPTH_MAX = 1024;
/** Ids that one push may mention, objects and links together: about 80 bytes of table each. */
export const INGEST_ID_COUNT_MAX = 12_000_000;
/** Packs up to this are ingested where they arrive: a worker would take longer to start. */
export const INGEST_INLINE_BYTES_MAX = 1 * MIB;
/** What an ingest may inflate without a worker: some ten milliseconds of the event loop. */
export const INGEST_INLINE_WORK_BYTES_MAX = 4 * MIB;
/** Memory for objects of an ingest without a worker. */
export const INGEST_INLINE_RING_BYTES = 3 * MIB;
/** Memory for objects of an ingest in a worker: base, result and a gap, each of the largest size. */
export const INGEST_RING_BYTES = 3 * (IN_MEMORY_OBJECT_BYTES_MAX + 4 * KIB);
/** What of it is touched before an object comes that is larger than a third of this. */
export const INGEST_RING_START_BYTES = 24 * MIB;
/** Entries of a push from which on a second thread takes a share of it. */
export const INGEST_SHARE_ENTRY_COUNT_MIN = 20_000;
/** What that thread may have left to do before it is idle: more would leave the other one idle. */
export const INGEST_SHARE_AHEAD_BYTES = 16 * MIB;
/** Memory for objects of that thread; larger ones than a third of it pass through scratch files. */
export const INGEST_SHARE_RING_BYTES = 24 * MIB;
/** Workers at a time; further large pushes wait with their bytes on disk. */
export const INGEST_WORKER_COUNT = 2;
/** Packs that a thread practises on before the first push: more teach it little. */
export const INGEST_PRACTICE_ROUND_COUNT = 3;
/** What any push may inflate and rebuild; compressed bombs end here. */
export const INGEST_WORK_BYTES_BASE = 64 * GIB;
/** What a push may inflate and rebuild for each byte of its pack; git/git needs about 30. */
export const INGEST_WORK_FACTOR_MAX = 512;
/** Delta bases of one push that go through a scratch file: a thin pack names them with a few bytes. */
export const INGEST_BASE_FILE_BYTES_MAX = 4 * GIB;
/** Stored entries and objects up to this are rebuilt in memory while a push is compared with them. */
export const INGEST_STORED_CHAIN_BYTES_MAX = 4 * MIB;
/** Objects that pushes need again and again, such as `.gitattributes`; kept by a frontend. */
export const BASE_CACHE_BYTES_MAX = 2 * MIB;
/** One of these: most special blobs and trees are smaller. */
export const BASE_CACHE_OBJECT_BYTES_MAX = 16 * KIB;

/** Commands of one push. A mirror push of half a million references fits. */
export const PUSH_COMMAND_COUNT_MAX = 1_000_000;
/** What a push sends ahead of its pack: commands at about 128 bytes each. */
export const PUSH_COMMANDS_BYTES_MAX = 128 * MIB;
/** Life of a signed push's nonce: long enough for people who type a passphrase. */
export const PUSH_NONCE_LIFE_MS = 15 * 60 * 1000;
/** Length of a reference name in bytes: below the file name limits of clients' systems. */
export const REFERENCE_NAME_BYTES_MAX = 1024;
/** Wants in one fetch: a mirror clone wants one per distinct tip. */
export const WANT_COUNT_MAX = 1_000_000;
/** Haves kept over the rounds of one fetch. */
export const HAVE_COUNT_MAX = 1_000_000;
/** Body of an upload-pack request after decompression: wants and haves at 52 bytes each. */
export const FETCH_REQUEST_BYTES_MAX = 128 * MIB;
/** Body of a JSON request. */
export const JSON_BODY_BYTES_MAX = 1 * MIB;
/** Body of an error response: a message and a few facts. */
export const ERROR_BODY_BYTES_MAX = 64 * KIB;
/** Body of a push request to the metadata: commands at about 130 bytes each. */
export const METADATA_PUSH_BYTES_MAX = 256 * MIB;
/** A pack index that comes with a push: of some 500 objects. A larger one is read where it is stored. */
export const FRESH_INDEX_BYTES_MAX = 64 * KIB;
/** Objects of a push whose hashes are kept until it is known whether they are needed. */
export const LATE_COMPARISON_COUNT_MAX = 256;
/** Inflated bytes of the same objects: hashing them takes less time than a question. */
export const LATE_COMPARISON_BYTES_MAX = 256 * KIB;
/** Repositories of which a frontend remembers what pushes to them were told: some KiB each. */
export const TOLD_REPOSITORY_COUNT_MAX = 512;
/** For so long a push goes by what was told of its repository: git sends it soon after it asked. */
export const TOLD_REPOSITORY_MS_MAX = 10 * 1000;
/** Body of any other question to the metadata: ids at 43 bytes each. */
export const METADATA_REQUEST_BYTES_MAX = 128 * MIB;
/** One line of a streamed reference listing: a batch of references. */
export const REFERENCE_LINE_BYTES_MAX = 4 * MIB;
/** Ids in one bulk question whether the network stores them: 20 to 32 bytes each. */
export const KNOWN_REQUEST_BYTES_MAX = 32 * MIB;
/** Reference prefixes in one ls-refs; git stops filtering beyond this number too. */
export const REFERENCE_PREFIX_COUNT_MAX = 65536;

/** Header of an encoded recipe: a shallow boundary of a million commits fits. */
export const RECIPE_HEADER_BYTES_MAX = 64 * MIB;
/** Literal bytes of one recipe step: rewritten entry headers, many at once. */
export const RECIPE_STEP_BYTES_MAX = 1 * MIB;
/** Entries of one chain in a recipe: chains over several pushes add up. */
export const RECIPE_CHAIN_COUNT_MAX = 4096;

/** Depth of nested `combine` filters; people nest none. */
export const FILTER_DEPTH_MAX = 16;
/** Parts of one filter, in all depths: each is asked for each object. */
export const FILTER_PART_COUNT_MAX = 256;
/** Options of one push (`git push -o`). */
export const PUSH_OPTION_COUNT_MAX = 1000;

/** A blob of sparse patterns: thousands of directories, read and parsed for each filtered fetch. */
export const SPARSE_PATTERN_BYTES_MAX = 256 * KIB;
/** Sparse patterns with wildcards: each is tried on each path. */
export const SPARSE_GLOB_COUNT_MAX = 64;

/** A metadata node's lease: whoever died keeps its partitions from others for so long. */
export const NODE_LEASE_MS = 6000;
/** A node takes its lease for ended so long before the store does: clocks differ in speed. */
export const NODE_LEASE_MARGIN_MS = 500;
/** A node renews its lease this often: four renewals may fail, as when etcd elects a leader. */
export const NODE_LEASE_RENEW_MS = 1000;
/** A call to one control node; beyond it the next one is asked, well before a node is suspected. */
export const CONTROL_CALL_MS_MAX = 2000;
/** A stream of the topology says this often that it lives. */
export const TOPOLOGY_WATCH_BEAT_MS = 2000;
/** A stream of the topology that says nothing for so long is given up: two beats may be late. */
export const TOPOLOGY_WATCH_SILENCE_MS = 6000;
/** A line of that stream: the whole map of some ten thousand nodes. */
export const TOPOLOGY_LINE_LENGTH_MAX = 4 * MIB;
/** Those who follow the topology at one control node; each costs a connection and little else. */
export const TOPOLOGY_WATCH_COUNT_MAX = 10_000;
/** Names of which a frontend remembers where they led: some 200 bytes each. */
export const KNOWN_NAME_COUNT_MAX = 20_000;
/** How long a token between nodes is good, and how far their clocks may differ: people set them. */
export const NODE_TOKEN_WINDOW_MS = 60 * 1000;

/** Slices of the metadata; fixed for the life of a cluster. */
export const PARTITION_COUNT = 256;
/** Operations of one consensus transaction: etcd's default `--max-txn-ops`. */
export const CONSENSUS_OPERATION_COUNT_MAX = 128;
/** Keys and values of one transaction: etcd's 1.5 MiB per request, less room for its framing. */
export const CONSENSUS_TRANSACTION_BYTES_MAX = 1472 * KIB;
/** Length of a consensus key: keys are short paths. */
export const CONSENSUS_KEY_BYTES_MAX = 512;
/** One answer of etcd in JSON: sixteen of the largest values in base64. */
export const ETCD_ANSWER_BYTES_MAX = 64 * MIB;
/** One message of an etcd watch: etcd cuts them at 2 MiB, unless a single event is larger. */
export const ETCD_WATCH_MESSAGE_BYTES_MAX = 16 * MIB;
/** Past revisions that a local consensus store keeps for watchers that fell behind. */
export const CONSENSUS_HISTORY_REVISION_COUNT = 2000;
/** Changes kept for watchers that share a watch, and for each that is slow; more are read again. */
export const SHARED_WATCH_BYTES_MAX = 8 * MIB;
/** Writes that wait for one group commit; beyond it callers are told to come back. */
export const CONSENSUS_QUEUE_COUNT_MAX = 16_384;
/** Entries of one log append: one operation of its transaction is the head. */
export const LOG_APPEND_ENTRY_COUNT_MAX = CONSENSUS_OPERATION_COUNT_MAX - 1;
/** Payload bytes of one log append, all entries together; keys and headers take the rest. */
export const LOG_APPEND_BYTES_MAX = 1408 * KIB;
/** Virtual nodes for each unit of a node's weight: shares differ by some per cent only. */
export const RING_TOKENS_PER_WEIGHT = 256;
/** Log entries above this go to extents: small ones share an append, etcd slows down on large ones. */
export const LOG_INLINE_BYTES_MAX = 256 * KIB;
/** One log entry, wherever it is kept: a push of a million references takes about 160 bytes each. */
export const LOG_RECORD_BYTES_MAX = 256 * MIB;
/** A snapshot of one partition, in memory while it is restored: five million references fit. */
export const PARTITION_SNAPSHOT_BYTES_MAX = 768 * MIB;
/** Requests decided together and appended at once. */
export const PARTITION_BATCH_COUNT_MAX = 64;
/** Requests that wait for a partition; beyond it callers are told to come back. */
export const PARTITION_QUEUE_COUNT_MAX = 4096;
/** Patterns of hidden references in one repository: each is tried on every reference listed. */
export const HIDDEN_PATTERN_COUNT_MAX = 64;
/** What people say of a repository, in UTF-16 units: a line or two in a list. */
export const REPOSITORY_DESCRIPTION_LENGTH_MAX = 350;
/** Bundles that one repository offers: clients fetch each that they lack. */
export const BUNDLE_URI_COUNT_MAX = 64;
/** Commits for which one repository offers ready packs: one is looked for in each clone. */
export const PACKFILE_URI_COUNT_MAX = 16;
/** Packs that one such commit is made of: a client opens a connection for each. */
export const PACKFILE_URI_PACK_COUNT_MAX = 16;
/** Length of an address that a repository offers, in bytes: what proxies commonly take. */
export const DOWNLOAD_URI_BYTES_MAX = 2000;
/** Repositories whose offered bundle a frontend remembers: about 200 bytes each. */
export const BUNDLE_TIP_COUNT_MAX = 10_000;
/** A bundle of the default branch is offered for so long before a newer one is made. */
export const BUNDLE_TIP_LIFE_MS = 24 * 3600 * 1000;
/** Length of a URL that requests are sent to: what proxies commonly take. */
export const EGRESS_URL_LENGTH_MAX = 2000;
/** Webhooks of one repository or owner: each is a request for each event. */
export const WEBHOOK_TARGET_COUNT_MAX = 20;
/** Webhooks in all: metadata nodes hold them in memory, some 500 bytes each. */
export const WEBHOOK_COUNT_MAX = 10_000;
/** Webhooks, or deliveries, in one page of a listing. */
export const WEBHOOK_PAGE_COUNT_MAX = 100;
/** References that one delivery tells of; a push of more says how many there were. */
export const WEBHOOK_CHANGE_COUNT_MAX = 1000;
/** One attempt of a delivery, from resolving the name to the end of the answer. */
export const WEBHOOK_ATTEMPT_MS_MAX = 10 * 1000;
/** Attempts before a delivery is given up: with their pauses some two hours. */
export const WEBHOOK_ATTEMPT_COUNT_MAX = 12;
/** Deliveries at a time to one host: a slow one is not to take the place of others. */
export const WEBHOOK_HOST_CONCURRENCY_MAX = 4;
/** Deliveries that wait for their turn at one host; later ones wait in the tables. */
export const WEBHOOK_HOST_QUEUE_COUNT_MAX = 64;
/** Deliveries of one node that are in memory; beyond it no further events are looked at. */
export const WEBHOOK_FLIGHT_COUNT_MAX = 1024;
/** Deliveries of one webhook that may wait on a node; further ones are given up at once. */
export const WEBHOOK_WAITING_COUNT_MAX = 10_000;
/** Bytes of a receiver's answer that are read. */
export const WEBHOOK_ANSWER_BYTES_MAX = 4 * KIB;
/** Clocks of nodes may differ by so much: a webhook is told of events this long before its making. */
export const WEBHOOK_CLOCK_SKEW_MS = 2000;
/** References in one question to the policy service: at most some 6 MB of JSON. */
export const PUSH_POLICY_COMMAND_COUNT_MAX = 5000;
/** Bytes of its answer that are read: a verdict and a message. */
export const PUSH_POLICY_ANSWER_BYTES_MAX = 32 * KIB;
/** Entries of the audit trail in one page. */
export const AUDIT_PAGE_COUNT_MAX = 1000;
/** Body of such a page: settings of repositories are the longest details. */
export const AUDIT_PAGE_BYTES_MAX = 64 * MIB;
/** Repositories in one page of a listing. */
export const REPOSITORY_PAGE_COUNT_MAX = 1000;
/** A call to a partition is repeated for so long: a dead primary is replaced within ten seconds. */
export const PARTITION_CALL_MS_MAX = 20 * 1000;
/** One attempt of it: longer than any plan takes, short enough to notice a node that hangs. */
export const PARTITION_ATTEMPT_MS_MAX = 120 * 1000;
/** Calls that a node passes on at a time for others that can not reach each other. */
export const RELAYED_CALL_COUNT_MAX = 256;
/** Partitions that a node takes over at a time: some may wait for the claims of a dead node. */
export const PARTITION_OPENING_COUNT_MAX = 64;
/** Listings of references that stream at once; each holds one read snapshot. */
export const REFERENCE_SNAPSHOT_COUNT_MAX = 64;
/** Listings kept for pushes: some 50,000 references at about 300 bytes each. */
export const REFERENCE_LINES_BYTES_MAX = 16 * MIB;
/** Rows of names and repositories kept between two commits: as many as clients use at a moment. */
export const STATE_ROW_COUNT_MAX = 512;

/** Objects that packs for shallow clients were rebuilt from: bases and relatives of the next ones. */
export const REBUILT_OBJECTS_BYTES_MAX = 16 * MIB;
/** A piece of a framed pack that is kept and read at once: reading less costs more for each byte. */
export const PACK_BLOCK_BYTES_MAX = 1 * MIB;
/** The start of a pack kept for equal requests a moment later: the whole of a usual shallow clone. */
export const PACK_REPLAY_BYTES_MAX = 16 * MIB;
/** The same of all packs that are being sent. */
export const PACK_REPLAY_TOTAL_BYTES_MAX = 48 * MIB;
/** Blocks between the fastest and the slowest reader of a pack that is in no file. */
export const PACK_WINDOW_BLOCK_COUNT = 4;
/** How long a reader may take nothing while others wait for it: such a client has stalled. */
export const PACK_READER_STALL_MS_MAX = 30 * 1000;
/** Requests of which is known how often they came: about 200 bytes each. */
export const PACK_KEY_COUNT_MAX = 65_536;
/** Repositories that a start prepares for: more would only share the same short time. */
export const RECENT_REPOSITORY_COUNT_MAX = 16;
/** Time between two notes of them on disk: a crash forgets no more than that. */
export const RECENT_REPOSITORY_WRITE_MS = 10 * 1000;
/** References of which a rehearsal clones all; of a repository with more, only what HEAD points at. */
export const REHEARSED_TIP_COUNT_MAX = 4096;
/** Pushes that a start rehearses: as many again would save the first clients little more. */
export const REHEARSED_ROUND_COUNT_MAX = 100;
/** Packs that rehearsals keep on disk while they last: a few of small repositories. */
export const REHEARSED_CACHE_BYTES_MAX: number = 32 * MIB;

/** What a process has in memory without a request: code, runtime, indexes, caches, starts of packs. */
export const MEMORY_BASE_BYTES: number = 192 * MIB;
/** Less is left to no process for requests: one large push fits, and some clones beside it. */
export const MEMORY_REQUESTS_BYTES_MIN: number = 128 * MIB;
/** A client whose request is still read: buffers of the runtime, and a session that waits. */
export const MEMORY_BODY_BYTES: number = 384 * KIB;
/** What all those clients take; a part of `MEMORY_BASE_BYTES`. */
export const MEMORY_BODIES_BYTES_MAX: number = 64 * MIB;
/** A client that is sent a pack: a block on its way, and what the system keeps for its socket. */
export const MEMORY_READER_BYTES: number = 2 * PACK_BLOCK_BYTES_MAX;
/** A pack in the making: what is read ahead, what is rebuilt, the block that is filled. */
export const MEMORY_EXECUTION_BYTES: number = 8 * MIB;
/** A push that is taken in where it arrives: its ring, its windows, its pack. */
export const MEMORY_SMALL_PUSH_BYTES: number = INGEST_INLINE_RING_BYTES + 4 * MIB;
/** A push that a worker takes in: rings, tables, the worker itself, extents on their way. */
export const MEMORY_LARGE_PUSH_BYTES: number = 160 * MIB;
/** The same for each of its objects: tables, the index, what is checked. git/git takes 200 MiB. */
export const MEMORY_PUSH_OBJECT_BYTES = 512;
/** Requests that wait for memory: a waiting one costs little more than its connection. */
export const MEMORY_WAIT_COUNT_MAX = 4096;
/** A request waits so long for memory; clients hear keep-alives meanwhile. */
export const MEMORY_WAIT_MS_MAX = 5 * 60 * 1000;
/** When a request has waited so long, streams that have stalled are ended for it. */
export const MEMORY_WANT_MS = 5 * 1000;
/** A stream that moves less than `STREAM_PROGRESS_BYTES_MIN` in so long has stalled. */
export const STREAM_STALL_MS_MAX = 20 * 1000;
/** One that moves so little in so long is ended, whether others wait or not; SSH has the same. */
export const STREAM_IDLE_MS_MAX = 30 * 60 * 1000;
/** See `STREAM_STALL_MS_MAX`; together as slow as the slowest modems. */
export const STREAM_PROGRESS_BYTES_MIN: number = 64 * KIB;

/** How often a frontend settles with whoever lends limits out: what it has lasts for so long. */
export const RATE_SETTLE_MS = 100;
/** One settlement; beyond it the next control node is asked. */
export const RATE_CALL_MS_MAX = 500;
/** Addresses, users, tokens and repositories that a frontend counts requests of: 300 bytes each. */
export const RATE_PURSE_KEY_COUNT_MAX = 50_000;
/** The same of all frontends together: about 600 bytes each. */
export const RATE_LEDGER_KEY_COUNT_MAX = 100_000;
/** A request waits so long for others of its subject to end: shorter than clients are patient. */
export const CONCURRENCY_WAIT_MS_MAX = 20 * 1000;
/** Requests of one address that are begun at a time where addresses are limited; more wait in line. */
export const ADDRESS_BEGINNING_COUNT_MAX = 8;
/** Requests of one address that wait to be begun. */
export const ADDRESS_WAITING_COUNT_MAX = 1024;
/** A request counts as begun after so long: what takes longer mostly waits for others. */
export const ADDRESS_BEGINNING_MS_MAX = 50;
/** A refusal for coming too often is told so late, or up to twice as late: that slows a flood. */
export const REFUSAL_DELAY_MS = 1000;
/** Refusals that wait to be told; further ones are told at once. */
export const REFUSAL_DELAY_COUNT_MAX = 1000;
/** Proxies between a client and us that tell for whom they ask: there are two or three. */
export const FORWARDED_HOP_COUNT_MAX = 16;
/** Subjects in one settlement: at most 500 bytes of JSON each. */
export const RATE_REPORT_COUNT_MAX = 1000;

/** Access records in all: each frontend holds them, at 0.6 KiB each with the ways to find it. */
export const ACCESS_RECORD_COUNT_MAX = 200_000;
/**
 * Marks of what was removed: two removals share one in a thousand times, and all of them together take
 * less room in the consensus store than a page of records.
 */
export const REMOVAL_MARK_COUNT = 1024;
/** Tokens of one user. */
export const USER_TOKEN_COUNT_MAX = 256;
/** Keys of one user: nobody has as many machines, and each login may look at all. */
export const USER_KEY_COUNT_MAX = 256;
/** Grants of one user; whoever needs more is given one on the owner. */
export const USER_GRANT_COUNT_MAX = 2000;
/** Keys of one repository. */
export const DEPLOY_KEY_COUNT_MAX = 256;
/** Trusts for one repository: each is tried on each token that is exchanged. */
export const REPOSITORY_TRUST_COUNT_MAX = 32;
/** Issuers: frontends keep the keys of each. */
export const ISSUER_COUNT_MAX = 64;
/** Repositories that one token names. */
export const TOKEN_REPOSITORY_COUNT_MAX = 100;
/** What people call tokens, keys and trusts, in characters. */
export const ACCESS_LABEL_LENGTH_MAX = 100;
/** Addresses of issuers, and audiences, in characters: those of public issuers are below 100. */
export const ACCESS_URL_LENGTH_MAX = 500;
/** Claims that one trust looks at. */
export const TRUST_CLAIM_COUNT_MAX = 16;
/** Pattern of a claim in characters: the time of a match grows with it. */
export const CLAIM_PATTERN_LENGTH_MAX = 256;
/** Whom an issuer's token speaks for, in characters: OpenID Connect allows 255. */
export const JOB_SUBJECT_LENGTH_MAX = 255;
/** Tokens of jobs of one repository at a time: a busy one runs hundreds of jobs an hour. */
export const JOB_TOKEN_COUNT_MAX = 1000;
/** Life of a job's token: longer jobs exchange again. */
export const JOB_TOKEN_LIFE_MS_MAX = 3600 * 1000;
/** A token of an issuer in characters: those of public issuers are below 4 KiB. */
export const ISSUER_TOKEN_LENGTH_MAX = 16 * KIB;
/** How far the clocks of issuers may differ from ours. */
export const ISSUER_TOKEN_SKEW_MS_MAX = 60 * 1000;
/** The keys of an issuer, or the document that says where they are. */
export const ISSUER_DOCUMENT_BYTES_MAX = 256 * KIB;
/** Keys of one issuer: public ones have fewer than ten. */
export const ISSUER_KEY_COUNT_MAX = 64;
/** The keys of an issuer are asked for anew after so long. */
export const ISSUER_KEYS_LIFE_MS = 3600 * 1000;
/** Keys that can not be asked for anew are used on for so long. */
export const ISSUER_KEYS_STALE_MS_MAX = 24 * 3600 * 1000;
/** A token by an unknown key makes us ask for keys, this often at most: anybody can make one up. */
export const ISSUER_KEYS_RETRY_MS = 30 * 1000;
/** All of asking for keys: a CI job waits meanwhile. */
export const ISSUER_KEYS_MS_MAX = 5 * 1000;
/** An SSH public key in its line: one of 16384 bits with a comment. */
export const SSH_PUBLIC_KEY_LENGTH_MAX = 8192;
/** Access records in one page of a listing: the largest has a key of 16384 bits. */
export const ACCESS_PAGE_COUNT_MAX = 100;
/** Changes of access records that wait for each other; beyond it callers are told to come back. */
export const ACCESS_QUEUE_COUNT_MAX = 1000;
/** Changes of access records that a control node keeps for streams that begin again. */
export const ACCESS_HISTORY_COUNT_MAX = 10_000;
/** Access records in one line of their stream. */
export const ACCESS_LINE_RECORD_COUNT_MAX = 256;
/** A line of that stream in characters. */
export const ACCESS_LINE_LENGTH_MAX = 4 * MIB;
/** A stream of access records says this often that it lives, and reads the store for it each time. */
export const ACCESS_WATCH_BEAT_MS = 400;
/** A stream silent for so long is given up: a revocation is to be known within 2 s. */
export const ACCESS_WATCH_SILENCE_MS = 1200;
/** Frontends that follow access records at one control node. */
export const ACCESS_WATCH_COUNT_MAX = 1000;
/** How long whoever made a change waits until it is known here; it is made in any case. */
export const ACCESS_VIEW_WAIT_MS_MAX = 1000;

assert(EXTENT_BYTES <= EXTENT_BYTES_MAX, "An extent fits its limit");
assert(HISTORY_OBJECT_BYTES_MAX <= OBJECT_BYTES_MAX, "A history object is an object");
assert(IN_MEMORY_OBJECT_BYTES_MAX <= OBJECT_BYTES_MAX, "An in-memory object is an object");
assert(OBJECT_BYTES_MAX <= PUSH_BYTES_MAX, "An object fits a push");
assert(
  LOG_APPEND_BYTES_MAX + LOG_APPEND_ENTRY_COUNT_MAX * 128 <= CONSENSUS_TRANSACTION_BYTES_MAX,
  "The largest append fits a transaction",
);
assert(LOG_INLINE_BYTES_MAX <= LOG_APPEND_BYTES_MAX, "An inline log entry fits an append");
assert(EXTENT_BATCH_BYTES_MAX <= EXTENT_BODIES_BYTES_MAX, "A batch can be admitted");
assert(EXTENT_BYTES_MAX <= EXTENT_BODIES_BYTES_MAX, "An extent can be admitted");
assert(EXTENT_REMOVE_COUNT_MAX * 64 <= JSON_BODY_BYTES_MAX, "A removal fits its body");
assert(EXTENT_LIST_COUNT_MAX * 256 <= JSON_BODY_BYTES_MAX, "A page fits its body");
assert(MEMORY_BODIES_BYTES_MAX < MEMORY_BASE_BYTES, "Requests that are read are in the base");
assert(
  MEMORY_LARGE_PUSH_BYTES > INGEST_RING_BYTES + INGEST_SHARE_RING_BYTES,
  "The permit of a large push covers its rings",
);
assert(RATE_REPORT_COUNT_MAX * 1024 <= JSON_BODY_BYTES_MAX, "A settlement fits its body");
assert(PACK_REPLAY_BYTES_MAX <= PACK_REPLAY_TOTAL_BYTES_MAX, "A pack's start can be kept");
assert(
  TOPOLOGY_WATCH_SILENCE_MS >= 3 * TOPOLOGY_WATCH_BEAT_MS,
  "A late beat or two end no stream",
);
assert(
  NODE_LEASE_MS - NODE_LEASE_MARGIN_MS > 4 * NODE_LEASE_RENEW_MS,
  "A lease outlives some renewals that fail",
);
assert(
  ACCESS_PAGE_COUNT_MAX * (SSH_PUBLIC_KEY_LENGTH_MAX + 1024) <= JSON_BODY_BYTES_MAX,
  "A page of access records fits its body",
);
assert(
  ACCESS_LINE_RECORD_COUNT_MAX * (SSH_PUBLIC_KEY_LENGTH_MAX + 1024) <= ACCESS_LINE_LENGTH_MAX,
  "A line of access records fits its limit",
);
assert(ACCESS_WATCH_SILENCE_MS >= 3 * ACCESS_WATCH_BEAT_MS, "A late beat or two end no stream");
