/** Style of the report: readable on a phone, on a desk, in the dark and on paper. */
export const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --warning: #9a3412; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9aa4af; --line: #3d444d; --ground: #0d1117; --warning: #fdba74; }
}
* { box-sizing: border-box; margin: 0; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground); padding: 24px 16px; }
main { max-width: 960px; margin: 0 auto; }
h1 { font-size: 26px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 40px 0 12px; }
h3 { font-size: 16px; margin: 24px 0 8px; }
.count { color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums; }
.warning { color: var(--warning); font-weight: 600; margin-top: 8px; }
dl { margin: 16px 0 24px; }
dl div { display: grid; grid-template-columns: 112px 1fr; padding: 2px 0; }
dt, .place, .unreadable { color: var(--soft); }
dd, .name { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 8px; }
th, td { padding: 6px 8px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child { text-align: left; overflow-wrap: anywhere; }
tbody th { font-weight: 400; }
ul { list-style: none; padding: 0; }
li { border-top: 1px solid var(--line); padding: 12px 0; display: grid; gap: 4px 16px; break-inside: avoid; }
.errors li { padding: 8px 0; }
.name { font-weight: 600; }
.place { font-size: 14px; }
img, .unreadable { width: 320px; max-width: 100%; height: auto; }
@media (min-width: 640px) { .matches li:has(img, .unreadable) { grid-template-columns: 320px 1fr; } }
`;
