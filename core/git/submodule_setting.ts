/**
 * Settings of submodules that could make a client run a command or write where it must not.
 *
 * @module
 */

/** Whether `..` is a part of a submodule's name, or the name is empty: it becomes a path below `.git`. */
export function isDangerousSubmoduleName(name: string): boolean {
  return name === "" || name.split(/[\\/]/).includes("..");
}

/** Whether a program would take the text for an option. */
export function looksLikeOption(text: string): boolean {
  return text.startsWith("-");
}

/** Whether decoding percent signs once gives a line feed, which would forge credential requests. */
function decodesToLineFeed(url: string): boolean {
  return url.includes("\n") || /%0a/i.test(url);
}

/** What git hands to its helper for HTTP and FTP; undefined for other transports. */
function curlUrl(url: string): string | undefined {
  const helper = /^(?:https?|ftps?)::/.exec(url);
  if (helper !== null) return url.slice(helper[0].length);
  return /^(?:https?|ftps?):\/\//.test(url) ? url : undefined;
}

/** Whether every percent sign begins an escape. */
function hasWholeEscapes(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

function isValidPort(port: string): boolean {
  if (!/^[0-9]*$/.test(port)) return false;
  const digits = port.replace(/^0+(?=.)/, "");
  return digits === "" || (digits.length <= 5 && Number(digits) > 0 && Number(digits) <= 65535);
}

/** `host` or `host:port`, where the host may be an address in brackets. */
function isValidAuthority(authority: string): boolean {
  const colon = authority.lastIndexOf(":");
  const hasPort = colon > authority.lastIndexOf("]");
  const host = hasPort ? authority.slice(0, colon) : authority;
  const port = hasPort ? authority.slice(colon + 1) : "";
  return /^[A-Za-z0-9.\-_[:\]]+$/.test(host) && !authority.startsWith(":") && isValidPort(port);
}

/** Resolves `.` and `..` in a path; undefined when it leaves the root. */
function resolveDots(path: string): readonly string[] | undefined {
  const resolved: string[] = [];
  for (const part of path.replace(/^\//, "").split("/")) {
    const plain = part.replaceAll(/%2e/gi, ".");
    if (plain === ".") continue;
    if (plain !== "..") resolved.push(part);
    else if (resolved.pop() === undefined) return undefined;
  }
  return resolved;
}

/** Whether a URL is malformed, or holds a line feed once normalised and decoded. */
function isDangerousCurlUrl(url: string): boolean {
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)([^?#]*)([^]*)$/.exec(url);
  if (match === null) return true;
  const [, place, path, tail] = match as unknown as [string, string, string, string];
  const at = place.indexOf("@");
  const user = place.slice(0, at + 1);
  if (!isValidAuthority(place.slice(at + 1))) return true;
  if (![user, path, tail].every(hasWholeEscapes)) return true;
  const resolved = resolveDots(path);
  return resolved === undefined || decodesToLineFeed([user, ...resolved, tail].join("/"));
}

/** Whether a URL climbs above its root with `../` and then replaces host or scheme. */
function climbsIntoHost(url: string): boolean {
  const climbed = /^(?:\.\.?[\\/])*/.exec(url)![0];
  return climbed.includes("..") && /^[:/]/.test(url.slice(climbed.length));
}

/** Whether a submodule's URL could be used against whoever fetches it. */
export function isDangerousSubmoduleUrl(url: string): boolean {
  if (looksLikeOption(url)) return true;
  if (/^\.\.?[\\/]/.test(url) || url.startsWith("git://")) {
    return decodesToLineFeed(url) || climbsIntoHost(url);
  }
  const curl = curlUrl(url);
  return curl !== undefined && isDangerousCurlUrl(curl);
}
