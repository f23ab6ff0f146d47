import { testExtentStore } from "./extent_store_contract_suite.ts";
import { MemoryExtentStore } from "./memory_extent_store.ts";

testExtentStore(
  "MemoryExtentStore",
  () => Promise.resolve({ store: new MemoryExtentStore(), close: () => Promise.resolve() }),
);
