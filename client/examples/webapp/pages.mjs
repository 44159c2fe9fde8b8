// The application's pages: plain HTML, every value escaped.
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);

function page(title, body) {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font:16px/1.5 sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}
pre{background:#f3f3f3;padding:1rem;overflow:auto}button{font:inherit;padding:.4rem 1rem}
form{display:inline}</style>
<h1>${escape(title)}</h1>
${body}
</html>`;
}

const button = (action, label, id) =>
  `<form method="post" action="${action}"><button id="${id}">${escape(label)}</button></form>`;

export function signedOutPage() {
  return page('Sample application', `<p>You are not signed in.</p>${button('/sign-in', 'Sign in', 'sign-in')}`);
}

// `claims` are those of the ID token; `answer` is what the API said, if it was asked.
export function signedInPage(claims, answer) {
  const said = answer && `<h2>The API says</h2><pre id="api">${escape(JSON.stringify(answer, null, 2))}</pre>`;
  return page(
    `Hello, ${claims.name ?? claims.sub}`,
    `${button('/call', 'Call the API', 'call')} ${button('/sign-out', 'Sign out', 'sign-out')}
${said ?? ''}
<h2>Claims of your ID token</h2><pre id="claims">${escape(JSON.stringify(claims, null, 2))}</pre>`,
  );
}

// `reason` is what the broker said; its messages hold nothing secret.
export function failurePage(title, reason) {
  return page(title, `<p id="failure">${escape(reason)}</p>${button('/sign-in', 'Try again', 'sign-in')}`);
}
