// Runs before anything is drawn. The start page comes as it is for strangers: whoever is signed in does not see that one.
if (localStorage.getItem('access_token')) document.documentElement.dataset.member = '';

// Applies the chosen theme; without a choice the system's own holds.
const applyTheme = () => {
  const chosen = localStorage.getItem('theme');
  const theme = chosen === 'light' || chosen === 'dark' ? chosen : '';
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  // The browser's own bars follow.
  for (const meta of document.querySelectorAll('meta[name=theme-color]')) {
    meta.dataset.media ??= meta.media;
    meta.media = theme ? (meta.dataset.media.includes(theme) ? '' : 'not all') : meta.dataset.media;
  }
};
applyTheme();
addEventListener('theme', applyTheme);
