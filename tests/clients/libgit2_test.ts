/** libgit2, by its Python binding, over HTTP and SSH. */

import { clientCases } from "./client_cases.ts";
import { PythonClient } from "./python_client.ts";

clientCases("libgit2", (key) =>
  new PythonClient({
    name: "libgit2",
    script: "libgit2_client.py",
    transports: ["http", "ssh"],
    // Since 1.7 only, which Debian 12 does not have.
    shallow: false,
    key,
  }));
