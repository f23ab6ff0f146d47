/**
 * Tables for people: what the server tells, in columns that fit.
 *
 * @module
 */

/** A column. */
export interface Column {
  /** Its heading. */
  readonly title: string;
  /** What stands in it of an entry. */
  cell(entry: never): string | number | boolean | undefined;
}

/** A column of entries that have a shape. */
export function column<Entry>(
  title: string,
  cell: (entry: Entry) => string | number | boolean | undefined,
): Column {
  return { title, cell };
}

/** Text that can not move a terminal's cursor or change its colours, whoever chose it. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** Lines of a table; without its heading for what follows a page before. */
export function tableLines(
  columns: readonly Column[],
  entries: readonly unknown[],
  options: { readonly heading: boolean; readonly widths?: readonly number[] },
): { readonly lines: readonly string[]; readonly widths: readonly number[] } {
  const rows = entries.map((entry) =>
    columns.map(({ cell }) => printable(String(cell(entry as never) ?? "")))
  );
  const titles = columns.map(({ title }) => title);
  const widths = titles.map((title, index) =>
    Math.max(
      options.widths?.[index] ?? title.length,
      ...rows.map((row) => [...row[index]!].length),
    )
  );
  const line = (row: readonly string[]) =>
    row.map((text, index) => text + " ".repeat(widths[index]! - [...text].length))
      .join("  ").trimEnd();
  return { lines: [...options.heading ? [titles] : [], ...rows].map(line), widths };
}

/** Lines of one thing: a name, a value; parts of parts are named with dots. */
export function valueLines(value: unknown): readonly string[] {
  const fields = [...flattened("", value)];
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, text]) => `${name.padEnd(width)}  ${printable(text)}`.trimEnd());
}

function* flattened(name: string, value: unknown): Generator<readonly [string, string]> {
  if (typeof value !== "object" || value === null) {
    yield [name, String(value)];
  } else if (Array.isArray(value)) {
    const isFlat = value.every((item) => typeof item !== "object");
    if (isFlat) yield [name, value.join(", ")];
    else {
      for (const [index, item] of value.entries()) yield* flattened(`${name}.${index}`, item);
    }
  } else {
    for (const [key, item] of Object.entries(value)) {
      yield* flattened(name === "" ? key : `${name}.${key}`, item);
    }
  }
}
