// Applies the chosen theme before anything is drawn; without a choice the system's own holds.
const chosen = localStorage.getItem('theme');
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
