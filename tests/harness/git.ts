/**
 * Runs the real git client in a clean environment: no user or system configuration, fixed names and
 * dates, no prompts, a deadline on every call.
 *
 * @module
 */

/** What a git command did. */
export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run git. */
export interface GitOptions {
  /** Working directory. */
  readonly cwd?: string;
  /** Extra environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes or text for standard input. */
  readonly stdin?: Uint8Array | string;
  /** Accept any exit code instead of throwing. */
  readonly anyExit?: boolean;
  /** Stop the command after this long. */
  readonly timeoutMs?: number;
}

/** No git command of a test takes longer, even on a busy machine. */
const GIT_TIMEOUT_MS = 300_000;

/** Environment in which nothing of the machine's own git configuration is seen. */
export function gitEnvironment(): Record<string, string> {
  return {
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C",
    TZ: "UTC",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "A U Thor",
    GIT_AUTHOR_EMAIL: "author@example.com",
    GIT_AUTHOR_DATE: "1700000000 +0000",
    GIT_COMMITTER_NAME: "C O Mitter",
    GIT_COMMITTER_EMAIL: "committer@example.com",
    GIT_COMMITTER_DATE: "1700000000 +0000",
    // Tests want to see what the server does, not what a local file copy can shortcut.
    GIT_ALLOW_PROTOCOL: "http:https:ssh:file",
  };
}

/**
 * Runs git and collects its output.
 *
 * @throws when it exits non-zero, unless `anyExit` is set; the message holds the command and stderr
 */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  const child = new Deno.Command("git", {
    args: [...args],
    env: { ...gitEnvironment(), ...options.env },
    clearEnv: true,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(options.timeoutMs ?? GIT_TIMEOUT_MS),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }).spawn();
  const fed = options.stdin === undefined ? undefined : feed(child.stdin, options.stdin);
  const [output] = await Promise.all([child.output(), fed]);
  const decoder = new TextDecoder();
  const result = {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
  if (result.code !== 0 && options.anyExit !== true) {
    throw new Error(`git ${args.join(" ")} exited ${result.code}\n${result.stderr}`);
  }
  return result;
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  content: Uint8Array | string,
): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeTo(stdin);
  } catch (error) {
    // A command that stops reading early (a rejected import) shows it by its exit code.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** The trimmed standard output of a git command. */
export async function gitText(args: readonly string[], options: GitOptions = {}): Promise<string> {
  return (await git(args, options)).stdout.trim();
}
