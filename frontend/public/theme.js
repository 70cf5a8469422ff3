// Applies the chosen theme before anything is drawn; without a choice the system's own holds.
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
