import { OUT_OF_BAND } from './application-rules.ts'
import { formTargetsFor, html, type Html, type Page } from './pages.ts'

export interface Consent {
  readonly application: string
  readonly redirectUri: string
  /** Of the authorization request: they come back with the answer. */
  readonly params: ReadonlyMap<string, string>
  /** Why the answer before was not taken. */
  readonly problem?: string
}

/** What comes back as it was; whatever else a request holds means nothing here. */
const CARRIED = [
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
]

/**
 * Users have no passwords: they show who they are with one of their API tokens, for this one request. There is no session and no cookie,
 * so nobody but who holds a token can send this form: there is nothing a forged request (CSRF) could make use of.
 */
export function consentPage({ application, redirectUri, params, problem }: Consent): Page {
  const carried = CARRIED.filter((name) => params.has(name)).map(
    (name) => html`<input type="hidden" name="${name}" value="${params.get(name) ?? ''}" /> `,
  )
  const body = html`<p><strong>${application}</strong> asks to act as you.</p>
    <ul>
      <li>
        It may see and change all that you may, until it is told to stop: an administrator can delete the application.
      </li>
      <li>${whereTo(redirectUri)}</li>
    </ul>
    <form method="post" action="/oauth/authorize">
      ${carried} ${problem === undefined ? html`` : html`<p class="problem" id="problem" role="alert">${problem}</p>`}
      <label for="token">Your API token</label>
      <input
        id="token"
        name="token"
        type="password"
        required
        autofocus
        autocomplete="off"
        spellcheck="false"
        aria-describedby="${problem === undefined ? 'hint' : 'problem hint'}"
        ${problem === undefined ? html`` : html` aria-invalid="true"`}
      />
      <p id="hint">
        It shows who you are. It is used for this once, and ${application} does not get it. An administrator makes one
        with <code>nepenthes token create</code>.
      </p>
      <button name="decision" value="authorise">Authorise</button>
      <button name="decision" value="deny" formnovalidate>Deny</button>
    </form>`
  return { title: `Authorise ${application}?`, body, formTargets: formTargetsFor(redirectUri) }
}

function whereTo(redirectUri: string): Html {
  if (redirectUri === OUT_OF_BAND) return html`You will be shown a code to copy into it.`
  return html`You will be sent back to <code>${redirectUri}</code>.`
}

/** For an application no browser can be sent to. */
export function codePage(application: string, code: string): Page {
  const body = html`<p>Copy this code into ${application}. It is good for ten minutes, and for once.</p>
    <p><label for="code">Code</label> <input id="code" readonly autofocus value="${code}" /></p>`
  return { title: `${application} may act as you`, body }
}
