/* andon.Form, andon.Field, andon.CopyButton: forms that say what is wrong beside the field and take the focus there
   (`dashapp/ui/forms.py`). */
(function () {
  "use strict";
  const andon = window.andon;
  const { createContext, createElement: h, useContext, useEffect, useId, useRef, useState } = window.React;
  const SPEAK_MS = 250; // after the last key a callback hears of a field
  const GIVE_UP_MS = 30000; // after which a form may be sent again whatever became of it
  const NOTHING = {};
  const Shared = createContext({ errors: NOTHING, busy: false, sent: 0 });
  const NOT_ANSWERED = "The server did not answer. Whether it was saved is not known: look, and try again in a moment.";

  function valueOf(input) {
    return input.type === "checkbox" ? input.checked : input.value;
  }

  function valuesOf(form) {
    const values = {};
    for (const input of form.elements) {
      if (!input.name || (input.type === "radio" && !input.checked)) continue;
      values[input.name] = valueOf(input);
    }
    return values;
  }

  /* The shell tells of a question to the server that came to nothing (`90-shell.js`). */
  function useTrouble(waiting, end) {
    useEffect(() => {
      if (!waiting) return undefined;
      const hear = (event) => {
        event.preventDefault(); // it is said here
        end(event.detail || NOT_ANSWERED);
      };
      const timer = window.setTimeout(() => end(NOT_ANSWERED), GIVE_UP_MS);
      window.addEventListener("andon-unanswered", hear);
      return () => {
        window.clearTimeout(timer);
        window.removeEventListener("andon-unanswered", hear);
      };
    }, [waiting]);
  }

  andon.Form = function Form({ id, children, label, errors, message, busy, className, setProps }) {
    const form = useRef(null);
    const summary = useRef(null);
    const [loose, setLoose] = useState([]);
    const [sent, setSent] = useState(0);
    const wrong = errors || NOTHING;
    const waiting = Boolean(busy) && sent > 0; // a form that appears sets its callback off, too: nobody has sent it yet

    useTrouble(waiting, (words) => {
      setProps({ busy: false });
      setLoose([words]);
    });
    useEffect(() => {
      const named = (name) => form.current.querySelector(`[name="${CSS.escape(name)}"]:not([type="hidden"])`);
      setLoose(Object.entries(wrong).filter(([name, words]) => words && !named(name)).map(([, words]) => words));
      const first = form.current.querySelector('[aria-invalid="true"]');
      if (first && Object.keys(wrong).length) first.focus();
    }, [errors]);
    useEffect(() => {
      if (loose.length && !form.current.querySelector('[aria-invalid="true"]')) summary.current.focus();
    }, [loose]);

    function send(event) {
      event.preventDefault();
      event.stopPropagation();
      if (waiting) return;
      setLoose([]);
      setSent((times) => times + 1);
      const button = event.nativeEvent.submitter;
      setProps({ message: "", submitted: { values: valuesOf(form.current), button: button ? button.value : "", at: Date.now() } });
    }

    return h(
      "form",
      { id: andon.domId(id), ref: form, className: "form " + (className || ""), "aria-label": label, "aria-busy": waiting || undefined,
        noValidate: true, autoComplete: "off", onSubmit: send },
      h("div", { ref: summary, tabIndex: -1, role: "alert", className: loose.length ? "notice critical" : "hidden" }, loose.join(" ")),
      h(Shared.Provider, { value: { errors: wrong, busy: waiting, sent } }, children),
      h("p", { className: "form-message", role: "status" }, waiting ? "" : message || ""),
    );
  };

  /* What is typed is here; callbacks hear of it a moment later, and what they set is taken over, but not from under somebody who types:
     from the first key until the form is sent or the field is left the text is theirs. */
  function useValue(given, setProps, sent) {
    const [value, setValue] = useState(given);
    const told = useRef(given);
    const timer = useRef(null);
    const theirs = useRef(false);
    useEffect(() => {
      if (given === told.current) return;
      told.current = given;
      if (!theirs.current) setValue(given);
    }, [given]);
    useEffect(() => {
      theirs.current = false;
    }, [sent]);
    useEffect(() => () => window.clearTimeout(timer.current), []);

    function tell(next) {
      window.clearTimeout(timer.current);
      if (next === told.current) return;
      told.current = next;
      if (setProps) setProps({ value: next, said: Date.now() });
    }

    function change(next, soon) {
      theirs.current = !soon;
      setValue(next);
      window.clearTimeout(timer.current);
      if (soon) tell(next);
      else timer.current = window.setTimeout(() => tell(next), SPEAK_MS);
    }
    function leave() {
      theirs.current = false;
      tell(value);
    }
    return [value, change, leave];
  }

  function Words({ id, hint, error }) {
    return h(
      window.React.Fragment,
      null,
      hint ? h("p", { className: "hint", id: id + "-hint" }, hint) : null,
      h("p", { className: "error", id: id + "-error", "aria-live": "polite" },
        error ? h("span", { "aria-hidden": true, className: "error-mark" }, "!") : null, error || ""),
    );
  }

  function Radios({ own, legend, name, options, value, change, words, described, error, disabled }) {
    return h(
      "fieldset",
      { className: "field radios", id: own, "aria-describedby": described },
      h("legend", null, legend),
      h(
        "div",
        { className: "radio-cards" },
        options.map((option) =>
          h(
            "label",
            { key: option.value, className: "radio-card" },
            h("input", { type: "radio", name, value: option.value, checked: value === option.value, disabled,
              "aria-invalid": error ? true : undefined, onChange: () => change(option.value, true) }),
            h("span", null, h("b", null, option.label), option.note ? h("span", { className: "small muted" }, option.note) : null),
          ),
        ),
      ),
      words,
    );
  }

  andon.Field = function Field(props) {
    const { id, name, label, kind = "text", hint, unit, options = [], suggestions, required, disabled, code } = props;
    const shared = useContext(Shared);
    const made = useId();
    const own = andon.domId(id) || made;
    const [value, change, leave] = useValue(props.value ?? (kind === "check" ? false : ""), props.setProps, shared.sent);
    const [mended, setMended] = useState(null); // the errors that this field was changed after
    const error = props.error || (shared.errors !== mended ? shared.errors[name] : null) || null;
    const described = [hint && own + "-hint", unit && own + "-unit", error && own + "-error"].filter(Boolean).join(" ") || undefined;
    const words = h(Words, { id: own, hint, error });

    function changed(next, soon) {
      setMended(shared.errors);
      change(next, soon);
    }

    if (kind === "hidden") return h("input", { type: "hidden", id: own, name, value });
    if (kind === "radio")
      return h(Radios, { own, legend: label, name, options, value, change: changed, words, described, error, disabled });

    const common = { id: own, name, disabled, required, "aria-invalid": error ? true : undefined, "aria-describedby": described };
    if (kind === "check")
      return h(
        "div",
        { className: "field " + (props.className || "") },
        h("label", { className: "check", htmlFor: own },
          h("input", { ...common, type: "checkbox", checked: Boolean(value), onChange: (event) => changed(event.target.checked, true) }),
          label),
        words,
      );

    const typed = { ...common, value, className: "input" + (code ? " code" : ""), placeholder: props.placeholder,
      maxLength: props.max_length, autoComplete: props.complete || "off",
      ...(code ? { autoCapitalize: "none", autoCorrect: "off", spellCheck: false } : {}),
      onChange: (event) => changed(event.target.value, kind === "select"), onBlur: leave };
    let input;
    if (kind === "select")
      input = h("select", { ...typed, placeholder: undefined, maxLength: undefined },
        options.map((option) => h("option", { key: option.value, value: option.value }, option.label)));
    else if (kind === "textarea") input = h("textarea", typed);
    else {
      const list = suggestions && suggestions.length ? own + "-list" : undefined;
      const numeric = kind === "number" ? { type: "text", inputMode: "decimal" } : { type: kind };
      input = h(window.React.Fragment, null, h("input", { ...typed, ...numeric, list }),
        list ? h("datalist", { id: list }, suggestions.map((one) => h("option", { key: one, value: one }))) : null);
    }
    return h(
      "div",
      { className: "field " + (props.className || "") },
      h("label", { htmlFor: own }, label, required ? null : h("span", { className: "optional" }, kind === "select" ? "" : " (optional)")),
      unit ? h("div", { className: "with-unit" }, input, h("span", { id: own + "-unit", className: "unit" }, unit)) : input,
      words,
    );
  };

  /* Tab goes round inside of the dialog on top: without this it would pass by the browser's own bar and the page's first link. */
  document.addEventListener("keydown", (event) => {
    const dialog = event.key === "Tab" ? Array.from(document.querySelectorAll(".modal.show")).pop() : null;
    if (!dialog) return;
    const stops = Array.from(dialog.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")).filter(
      (one) => !one.disabled && one.type !== "hidden" && one.offsetParent !== null,
    );
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const outside = !dialog.contains(document.activeElement) || document.activeElement === dialog;
    if (!stops.length || !(outside || document.activeElement === (event.shiftKey ? first : last))) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  });

  /* Without HTTPS there is no clipboard for scripts: then the old way, from a field beside the button. */
  async function copy(text, beside) {
    if (navigator.clipboard && window.isSecureContext) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch (refused) {
        /* the old way may still work */
      }
    }
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr-only";
    beside.parentElement.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    beside.focus();
    return done;
  }

  andon.copy = copy;
  andon.CopyButton = function CopyButton({ id, text, target, label, name, className }) {
    const [said, setSaid] = useState("");
    const button = useRef(null);
    const timer = useRef(null);
    useEffect(() => () => window.clearTimeout(timer.current), []);

    async function press() {
      const source = target ? document.getElementById(target) : null;
      const done = await copy(source ? source.textContent : text || "", button.current);
      setSaid(done ? "Copied" : "Select it and press Ctrl+C");
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(() => setSaid(""), 2500);
    }

    return h(
      "span",
      { className: "copy " + (className || "") },
      h("button", { id: andon.domId(id), ref: button, type: "button", className: "btn tiny", title: name, "aria-label": name, onClick: press },
        said || label),
      h("span", { className: "sr-only", role: "status" }, said),
    );
  };
})();
