// Shows the contract, in the colours that the reader's system prefers, and lets every route be tried.
const dark = matchMedia('(prefers-color-scheme: dark)');
const colour = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', colour);
colour();

// The routes are where this page is, perhaps below a proxy's prefix.
const base = new URL('.', location.href);
const response = await fetch(new URL('openapi.json', base));
const spec = await response.json();
spec.servers = [{ url: base.pathname.replace(/\/$/, '') || '/' }];

const ui = SwaggerUIBundle({
  spec,
  dom_id: '#api',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // nobody else is asked
  // Who has registered or signed in here is signed in for what they try next.
  responseInterceptor: (response) => {
    const token = response.ok && response.body?.tokens?.access_token;
    if (token) ui.preauthorizeApiKey('bearer', token);
    return response;
  },
});

// Swagger UI reads the address when it starts; links of this page that change it later need this.
addEventListener('hashchange', () => ui.layoutActions.parseDeepLinkHash(location.hash));
