import { benchCases } from "./reference/bench_cases.ts";

Deno.test("benchCases() do what they are timed for", () => {
  for (const bytes of [100, 5000]) {
    for (const { run, verify } of benchCases(bytes)) {
      run();
      verify();
    }
  }
});
