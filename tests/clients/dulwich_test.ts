/** dulwich, in Python, over HTTP and SSH. */

import { clientCases } from "./client_cases.ts";
import { PythonClient } from "./python_client.ts";

clientCases("dulwich", (key) =>
  new PythonClient({
    name: "dulwich",
    script: "dulwich_client.py",
    transports: ["http", "ssh"],
    shallow: true,
    key,
  }));
