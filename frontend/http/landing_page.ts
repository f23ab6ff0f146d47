/**
 * The page at `/`: what runs here and how to use it.
 *
 * @module
 */

import { html } from "@hono/hono/html";

/** What the page says. */
export interface LandingPageOptions {
  readonly version: string;
  /** Base URL as the visitor sees the server, without a slash at its end. */
  readonly baseUrl: string;
  /** A push to a new name creates the repository. */
  readonly autoCreate: boolean;
}

function createStep(options: LandingPageOptions): string {
  if (options.autoCreate) return "";
  return `curl -X POST ${options.baseUrl}/api/v1/repos -d '{"name":"me/project"}'\n`;
}

/** The page as HTML. */
export async function landingPage(options: LandingPageOptions): Promise<string> {
  const push = `git push ${options.baseUrl}/me/project.git HEAD:main`;
  const clone = `git clone ${options.baseUrl}/me/project.git`;
  const page = await html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>GitStratum</title>
        <style>
          body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
          pre { background: #f4f4f4; color: #111; padding: 1rem; overflow-x: auto; }
        </style>
      </head>
      <body>
        <h1>GitStratum ${options.version}</h1>
        <p>A Git hosting backend. From a repository of yours:</p>
        <pre>${createStep(options)}${push}</pre>
        <p>and back again:</p>
        <pre>${clone}</pre>
        <p>Repositories are listed at <a href="/api/v1/repos">/api/v1/repos</a>.</p>
      </body>
    </html>
  `;
  return page.toString();
}
