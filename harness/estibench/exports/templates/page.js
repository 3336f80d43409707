"use strict";
/* What scripts add to a page: the chart that a reader can turn, and the table that sorts, searches and copies. */

document.documentElement.classList.add("js");

const read = (id) => {
  const element = document.getElementById(id);
  return element && JSON.parse(element.textContent);
};
const NARROW = 640; // pixels of a chart below which its legend goes under it
const isDark = matchMedia("(prefers-color-scheme: dark)");

/* The chart. Its specification has a parameter for everything that can be chosen. */

function explore() {
  const data = read("explorer-data");
  if (!data) return;
  const cells = data.cells.map((cell) => Object.fromEntries(data.columns.map((name, at) => [name, cell[at]])));
  const controls = ["panel", "metric", "cost"].map((name) => document.getElementById(`explorer-${name}`));
  const relative = document.getElementById("explorer-relative");
  const element = document.getElementById("explorer");
  let view;

  function words(control) {
    return control.selectedOptions[0].textContent;
  }

  async function show() {
    const [panel, metric, cost] = controls;
    for (const control of controls) view.signal(control.id.replace("explorer-", ""), control.value);
    view.signal("relative", relative.checked);
    view.signal("x_words", `${words(cost)} →`);
    view.signal("y_words", `↑ ${words(metric)}${relative.checked ? ", relative to the least for as much cost" : ""}`);
    const shown = cells.filter((cell) => cell.panel === panel.value && cell[metric.value] > 0 && cell[cost.value] > 0);
    document.getElementById("explorer-none").hidden = shown.length > 0;
    await view.runAsync();
    element.dataset.cells = shown.length;
  }

  async function draw() {
    const spec = structuredClone(data.spec);
    spec.datasets = { ...spec.datasets, cells };
    const text = isDark.matches ? "#e4e7ea" : "#1c2127";
    const line = isDark.matches ? "#343b43" : "#dfe3e6";
    const config = {
      background: "transparent",
      font: "system-ui, sans-serif",
      axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12 },
      legend: { labelColor: text, labelFontSize: 12 },
      text: { color: text, fontSize: 12 },
      ...spec.config,
    };
    if (element.clientWidth < NARROW) config.legend = { ...config.legend, orient: "bottom", columns: 1 };
    if (isDark.matches) swap(spec, "#000000", "#ffffff");
    const options = { renderer: "svg", config, tooltip: { theme: isDark.matches ? "dark" : "light" }, logLevel: 1 };
    options.actions = { export: true, source: false, compiled: false, editor: false };
    if (view) view.finalize();
    view = (await vegaEmbed(element, spec, options)).view;
    await show();
  }

  for (const control of [...controls, relative]) control.addEventListener("change", show);
  isDark.addEventListener("change", draw);
  draw();
}

/* Replaces a colour wherever a scale names it: black cannot be seen on black. */
function swap(node, from, to) {
  for (const [key, value] of Object.entries(node)) {
    if (value === from) node[key] = to;
    else if (value && typeof value === "object" && key !== "datasets") swap(value, from, to);
  }
}

/* The table. */

/* Numbers in order, and what is missing always last. */
function missingLast(sign) {
  const missing = (value) => value === undefined || value === null || value === "";
  return (a, b) => missing(a) - missing(b) || sign * (a - b);
}

function sort() {
  const element = document.getElementById("cells");
  if (!element) return;
  const heads = [...element.querySelectorAll("thead th")];
  const at = (mark) => heads.flatMap((head, index) => (head.classList.contains(mark) ? [index] : []));
  const orders = jQuery.fn.dataTable.ext.type.order;
  [orders["measured-asc"], orders["measured-desc"]] = [missingLast(1), missingLast(-1)];
  jQuery(element).DataTable({
    order: [],
    pageLength: 25,
    lengthMenu: [
      [25, 100, -1],
      ["25 rows", "100 rows", "all rows"],
    ],
    autoWidth: false,
    columnDefs: [
      { targets: at("more"), visible: false },
      { targets: at("number"), type: "measured", className: "dt-type-numeric" },
    ],
    language: { search: "", searchPlaceholder: "search all columns", lengthMenu: "_MENU_" },
    layout: { topStart: "buttons", topEnd: "search", bottomStart: "info", bottomEnd: ["pageLength", "paging"] },
    buttons: [
      { extend: "colvis", text: "Columns", columns: ":gt(1)" },
      copying("Copy CSV", asCsv),
      copying("Copy Markdown", asMarkdown),
      copying("Copy LaTeX", asLatex),
    ],
  });
}

function copying(text, format) {
  return {
    text,
    action: async (event, table) => {
      const { header, body } = table.buttons.exportData({ columns: ":visible", modifier: { search: "applied", order: "applied" } });
      const done = await toClipboard(format(header, body));
      table.buttons.info(done ? "Copied" : "The browser does not let this page copy", `${body.length} rows`, 1500);
    },
  };
}

/* Pages that are opened as files have no clipboard but this one. */
async function toClipboard(text) {
  window.estibenchCopied = text;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function asCsv(header, body) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...body].map((row) => row.map(quoted).join(",")).join("\n");
}

function asMarkdown(header, body) {
  const escaped = (text) => text.replace(/[\\|*<`[]/g, "\\$&");
  const line = (row) => `| ${row.map(escaped).join(" | ")} |`;
  return [line(header), `|${header.map(() => " --- |").join("")}`, ...body.map(line)].join("\n");
}

function asLatex(header, body) {
  const signs = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  Object.assign(signs, { "±": "$\\pm$", "×": "$\\times$", "✓": "$\\checkmark$", "✗": "$\\times$", "–": "--" });
  const escaped = (text) => text.replace(/[\\~^±×✓✗–]|[&%$#_{}]/g, (sign) => signs[sign] ?? `\\${sign}`);
  const line = (row) => `${row.map(escaped).join(" & ")} \\\\`;
  const rows = [line(header), "\\midrule", ...body.map(line)];
  return [`\\begin{tabular}{${"l".repeat(header.length)}}`, "\\toprule", ...rows, "\\bottomrule", "\\end{tabular}"].join("\n");
}

/* What an address names is shown, however many headings it is folded under; on paper everything is. */

function reveal() {
  const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named) return;
  for (let outer = named.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
  named.scrollIntoView();
}

addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((folded) => (folded.open = true)));

explore();
sort();
reveal();
