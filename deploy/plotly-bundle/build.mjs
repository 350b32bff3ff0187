// Builds assets/plotly.min.js: plotly.js with scatter, bar, box and heatmap, and the components that our charts use.
// Three things make it small: no unused components, no documentation strings, and only the used parts of its
// dependencies d3 and culori. Nothing of plotly.js itself is rewritten. The build fails when a cut no longer fits.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import zlib from "node:zlib";
import * as acorn from "acorn";
import * as walk from "acorn-walk";
import * as esbuild from "esbuild";
import { minify } from "terser";

const TRACES = ["bar", "box", "heatmap"]; // scatter is in the core
const WITHOUT = ["annotations3d", "updatemenus", "sliders", "rangeslider", "rangeselector", "grid", "images", "errorbars"];
const D3_PARTS = ["start", "compat/", "arrays/", "behavior/drag", "core/rebind", "event/", "format/", "interpolate/",
  "scale/linear", "selection/", "transition/", "end"];

const here = import.meta.dirname;
const output = path.resolve(here, "../../assets/plotly.min.js");
const packageDir = (name) => path.join(here, "node_modules", name);
const plotly = packageDir("plotly.js");
const require = createRequire(path.join(plotly, "package.json"));

function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) throw new Error(`expected once in plotly.js: ${from}`);
  return text.replace(from, () => to);
}

// plotly.js registers its components in src/core.js; ours is the same file with fewer of them and with our traces.
function core() {
  let text = fs.readFileSync(path.join(plotly, "src/core.js"), "utf8");
  for (const name of WITHOUT) text = replaceOnce(text, `    require('./components/${name}'),\n`, "");
  text = replaceOnce(text, "require('native-promise-only');", "");
  const traces = TRACES.map((name) => `require('../lib/${name}')`).join(", ");
  return replaceOnce(text, "// plot icons\n", `register([${traces}]);\n`);
}

// Attribute descriptions are documentation that the library never reads.
function withoutDescriptions(file) {
  let text = fs.readFileSync(file, "utf8");
  if (!/description\s*:/.test(text)) return text;
  const cuts = [];
  walk.simple(acorn.parse(text, { ecmaVersion: "latest", allowReturnOutsideFunction: true }), {
    Property({ computed, shorthand, method, key, value }) {
      if (!computed && !shorthand && !method && key.name === "description") cuts.push(value);
    },
  });
  for (const { start, end } of cuts.sort((a, b) => b.start - a.start)) text = text.slice(0, start) + "''" + text.slice(end);
  return text;
}

// d3 3.x is written for textual inclusion: each file names what it needs by `import "path";`.
function d3() {
  const root = path.join(path.dirname(require.resolve("@plotly/d3")), "src");
  const seen = new Set();
  function include(base, name) {
    const target = path.resolve(base, name);
    const isFolder = fs.existsSync(target) && fs.statSync(target).isDirectory();
    const file = isFolder ? path.join(target, "index.js") : target + ".js";
    if (seen.has(file)) return "";
    seen.add(file);
    return fs.readFileSync(file, "utf8").replace(/^import "(.+)";$/gm, (_, next) => include(path.dirname(file), next));
  }
  return D3_PARTS.map((part) => include(root, part)).join("\n");
}

// The colour spaces that CSS colours in figures are written in.
const CULORI = `
  import { useMode, modeRgb, modeHsl, modeHsv, modeHwb, modeLrgb } from "culori/fn";
  [modeRgb, modeHsl, modeHsv, modeHwb, modeLrgb].forEach((mode) => useMode(mode));
  export { converter, formatHex, formatRgb, wcagContrast, wcagLuminance } from "culori/fn";`;

const cuts = {
  name: "cuts",
  setup(build) {
    const virtual = { "culori": CULORI, "@plotly/d3": d3() };
    build.onResolve({ filter: /^(culori|@plotly\/d3)$/ }, ({ path: name }) => ({ path: name, namespace: "virtual" }));
    build.onLoad({ filter: /.*/, namespace: "virtual" }, ({ path: name }) => ({ contents: virtual[name], resolveDir: plotly }));
    build.onLoad({ filter: /plotly\.js\/src\/.*\.js$/ }, ({ path: file }) => ({ contents: withoutDescriptions(file) }));
    build.onLoad({ filter: /\.css$/ }, () => ({ contents: "" })); // of map traces, which we do not have
  },
};

const version = JSON.parse(fs.readFileSync(path.join(plotly, "package.json"), "utf8")).version;
const bundle = await esbuild.build({
  stdin: { contents: core(), resolveDir: path.join(plotly, "src") },
  bundle: true, write: false, format: "iife", globalName: "Plotly", target: "es2020",
  define: { global: "window" }, plugins: [cuts], legalComments: "none", logLevel: "warning",
});
const small = await minify(bundle.outputFiles[0].text, { ecma: 2020, compress: { passes: 2, ecma: 2020 } });
const banner = `/* plotly.js v${version}, custom bundle (scatter, ${TRACES.join(", ")}). Copyright 2012-2026 Plotly, Inc. MIT licence.\n`
  + "   With parts of d3 3 (BSD), culori (MIT) and others, see LICENCES.txt. Built by deploy/plotly-bundle. */\n";
const text = banner + small.code;
if (/\beval\(|new Function\(/.test(text)) throw new Error("the bundle would need script-src 'unsafe-eval'");
fs.writeFileSync(output, text);
const kb = (bytes) => `${Math.round(bytes / 1000)} kB`;
const brotli = zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: text.length } });
console.log(`${output}: ${kb(text.length)}, gzip ${kb(zlib.gzipSync(text, { level: 9 }).length)}, brotli ${kb(brotli.length)}`);
