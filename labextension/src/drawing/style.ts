/**
 * The one style sheet, for a shadow root: nothing of the page reaches in but its variables.
 * Colours come from JupyterLab, VS Code, or the system's light or dark.
 */

import { colourVariables, DARK, LIGHT } from './palette';

export const STYLE = `
:host {
  --rd-own-ink: #1f2933; --rd-own-faint: #5a6672; --rd-own-line: #d5dae0; --rd-own-ground: #ffffff;
  --rd-own-raised: #f5f7f9; --rd-own-accent: #0b63a5;
  --rd-ink: var(--jp-ui-font-color1, var(--vscode-foreground, var(--rd-own-ink)));
  --rd-faint: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, var(--rd-own-faint)));
  --rd-line: var(--jp-border-color2, var(--vscode-panel-border, var(--rd-own-line)));
  --rd-ground: var(--jp-layout-color1, var(--vscode-editor-background, var(--rd-own-ground)));
  --rd-raised: var(--jp-layout-color2, var(--vscode-sideBar-background, var(--rd-own-raised)));
  --rd-accent: var(--jp-brand-color1, var(--vscode-focusBorder, var(--rd-own-accent)));
  display: block; color: var(--rd-ink); background: var(--rd-ground);
  font: 12px/1.45 var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif));
}
@media (prefers-color-scheme: dark) {
  :host { --rd-own-ink: #e4e7eb; --rd-own-faint: #a3adb8; --rd-own-line: #3d4752; --rd-own-ground: #15191e;
    --rd-own-raised: #1f252c; --rd-own-accent: #6cb6ff; }
}
.app { ${colourVariables(LIGHT)} --rd-bad: #d32f2f; }
.app.dark { ${colourVariables(DARK)} --rd-bad: #ff8a80; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.app { display: flex; flex-direction: column; height: 100%; min-height: 0; border: 1px solid var(--rd-line);
  border-radius: 6px; overflow: hidden; }
.head { display: flex; flex-wrap: wrap; align-items: stretch; gap: 2px 16px; padding: 8px 12px 6px; }
.figure { display: flex; flex-direction: column; min-width: 0; }
.figure b { font-size: 15px; line-height: 20px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figure span { color: var(--rd-faint); white-space: nowrap; font-size: 11px; }
.figure.bad b { color: var(--rd-bad); }
.meter { width: 86px; height: 4px; border-radius: 2px; background: var(--rd-line); overflow: hidden; margin-top: 2px; }
.meter i { display: block; height: 100%; background: var(--rd-accent); }
.state { flex: 1 1 110px; min-width: 0; max-height: 36px; align-self: center; text-align: right; overflow: hidden; color: var(--rd-faint);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; /* two lines at most: what is below must not jump */ }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 2px; padding: 0 8px; border-bottom: 1px solid var(--rd-line); }
.tabs { display: flex; flex-wrap: wrap; }
.tabs button { border: 0; border-bottom: 2px solid transparent; border-radius: 0; background: none; padding: 5px 9px; color: var(--rd-faint); }
.tabs button[aria-selected=true] { color: var(--rd-ink); border-bottom-color: var(--rd-accent);
  text-shadow: 0 0 .7px currentColor; /* bold without another width: the bar must not jump */ }
.tools { margin-left: auto; display: flex; gap: 4px; padding: 3px 0; }
button, select, input { font: inherit; color: inherit; }
button { cursor: pointer; border: 1px solid var(--rd-line); border-radius: 4px; background: var(--rd-ground); padding: 1px 8px; }
button:hover { background: var(--rd-raised); }
button[aria-pressed=true] { border-color: var(--rd-accent); color: var(--rd-accent); }
button:disabled { opacity: .5; cursor: default; }
input, select { border: 1px solid var(--rd-line); border-radius: 4px; background: var(--rd-ground); padding: 1px 6px; }
:focus-visible { outline: 2px solid var(--rd-accent); outline-offset: -2px; }
.body { flex: 1; min-height: 0; display: flex; }
.panes { flex: 1; min-width: 0; min-height: 0; position: relative; }
.pane { position: absolute; inset: 0; display: flex; flex-direction: column; min-height: 0; }
.pane > .row { display: flex; gap: 6px; align-items: center; padding: 5px 10px; flex-wrap: wrap; color: var(--rd-faint); }
.scroll { flex: 1; min-height: 0; overflow: auto; position: relative; }
.overview > .pane { position: relative; inset: auto; flex: 0 1 auto; min-height: 92px; }
.overview > .pane:first-child { flex: 1 1 0; border-bottom: 1px solid var(--rd-line); }
.overview > .pane:last-child { max-height: 60%; }
.legend { display: flex; flex-wrap: wrap; gap: 0 2px; padding: 0 8px 5px; color: var(--rd-faint); }
.legend button { border-color: transparent; background: none; padding: 0 5px; color: var(--rd-ink); font-size: 11px; }
.legend span:empty { display: none; }
.scroll.centred .empty { margin: auto; }
.empty { padding: 28px 16px; color: var(--rd-faint); text-align: center; }
.hints { padding: 4px 12px; border-top: 1px solid var(--rd-line); background: var(--rd-raised); max-height: 68px; overflow: auto; }
.hints div::before { content: "Hint: "; font-weight: 600; }
.detail { width: clamp(210px, 35%, 300px); flex: none; border-left: 1px solid var(--rd-line); overflow: auto; padding: 8px 12px; background: var(--rd-raised); }
.narrow .head { display: grid; grid-template-columns: repeat(3, auto); justify-content: space-between; gap: 6px 14px; padding: 8px 10px; }
.narrow .meter { width: 100%; }
.narrow .state { grid-column: 1 / -1; min-height: 17px; text-align: left; align-self: start; }
.narrow .tabs { display: contents; }
.narrow .bar { padding: 0 4px; row-gap: 0; }
.narrow .tabs button { padding: 4px 5px; }
.narrow .tools button { padding: 1px 5px; }
.narrow .overview { overflow: auto; }
.narrow .overview > .pane { flex: none; max-height: none; }
.narrow .overview .scroll { flex: none; overflow-y: hidden; }
.narrow .body { flex-direction: column; }
.narrow .detail { width: auto; max-width: none; max-height: 45%; border-left: 0; border-top: 1px solid var(--rd-line); }
.detail h3 { margin: 0 0 4px; font-size: 13px; overflow-wrap: anywhere; display: flex; gap: 6px; align-items: start; }
.detail h3 button { margin-left: auto; }
.detail dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 10px; margin: 6px 0; }
.detail p { margin: 6px 0; }
.detail .faint { color: var(--rd-faint); }
.detail dt { color: var(--rd-faint); }
.detail dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.detail pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0; padding: 6px; border-left: 3px solid var(--rd-bad);
  background: var(--rd-ground); font: 11px/1.4 var(--jp-code-font-family, ui-monospace, monospace); max-height: 200px; overflow: auto; }
.detail .acts { display: flex; flex-wrap: wrap; gap: 4px; margin: 6px 0; }
.link { border: 0; background: none; padding: 0 2px; color: var(--rd-accent); text-decoration: underline; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: var(--rd-raised); text-align: left; font-weight: 600; padding: 3px 6px; white-space: nowrap; z-index: 1; }
th button { border: 0; background: none; padding: 0; font-weight: 600; }
td { padding: 2px 6px; border-top: 1px solid var(--rd-line); vertical-align: top; max-width: 340px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
td.n, th.n { text-align: right; }
td.w, th.w { width: 100%; max-width: 0; min-width: 96px; /* has the room that the others leave */ }
tr[data-task] { cursor: pointer; }
tr[data-task]:hover td { background: var(--rd-raised); }
tr[aria-selected=true] td { background: color-mix(in srgb, var(--rd-accent) 16%, transparent); }
tr.failed td:first-child { color: var(--rd-bad); font-weight: 600; }
caption { text-align: left; padding: 4px 8px; color: var(--rd-faint); }
.chip { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px; vertical-align: baseline; }
canvas { display: block; width: 100%; touch-action: pan-y; }
canvas.lanes { cursor: crosshair; }
.tip { position: absolute; pointer-events: none; background: var(--rd-ground); border: 1px solid var(--rd-line); border-radius: 4px;
  padding: 4px 8px; box-shadow: 0 2px 8px rgb(0 0 0 / 25%); max-width: 280px; z-index: 3; white-space: pre-line; overflow-wrap: anywhere; }
.scroll.centred { display: flex; }
.graph { display: block; margin: auto; flex: none; }
.graph text { fill: var(--rd-ink); font-size: 12px; }
.graph .small { fill: var(--rd-faint); font-size: 10.5px; }
.graph .box { fill: var(--rd-raised); stroke: var(--rd-line); }
.graph .edge { fill: none; stroke: var(--rd-faint); stroke-width: 1.2; opacity: .75; }
.graph .edge.launched { stroke-dasharray: 4 3; }
.graph .critical .box, .graph .edge.critical { stroke: var(--rd-bad); stroke-width: 2.2; opacity: 1; }
.graph .arrow { fill: var(--rd-faint); }
.graph .label { fill: var(--rd-faint); font-size: 10.5px; paint-order: stroke; stroke: var(--rd-ground); stroke-width: 4px; }
.graph .rail { fill: var(--rd-line); }
.graph .bad { fill: var(--rd-bad); }
.graph .off { fill: var(--rd-faint); }
.graph g.node { cursor: pointer; transition: transform .25s; }
.graph g.node:focus-visible { outline: none; }
.graph g.node:focus-visible .box, .graph g.node.selected .box { stroke: var(--rd-accent); stroke-width: 2.5; }
.workers { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(270px, 100%), 1fr)); gap: 8px; padding: 8px 10px; }
.machine { grid-column: 1 / -1; font-weight: 600; margin-top: 4px; }
.worker { border: 1px solid var(--rd-line); border-radius: 5px; padding: 6px 9px; min-width: 0; }
.worker.GONE { opacity: .55; }
.worker b { font-weight: 600; }
.worker .what { color: var(--rd-faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.worker canvas { height: 34px; margin-top: 3px; }
.stack { display: flex; height: 12px; border-radius: 3px; overflow: hidden; background: var(--rd-line); margin: 4px 0; }
.stack i { display: block; height: 100%; }
.log { font: 11.5px/1.5 var(--jp-code-font-family, ui-monospace, monospace); padding: 4px 10px; white-space: pre-wrap; overflow-wrap: anywhere; }
.log > div { display: grid; grid-template-columns: 56px 120px 1fr; gap: 0 10px; }
.narrow td:not(.w) { max-width: 150px; }
.narrow .log > div { grid-template-columns: 44px 64px 1fr; gap: 0 6px; }
.log span { color: var(--rd-faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.log span:first-child { text-align: right; }
.log .err { color: var(--rd-bad); }
.note { padding: 3px 12px; color: var(--rd-faint); }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
@media (forced-colors: active) { .chip, .meter i, .stack i { forced-color-adjust: none; } }
`;
