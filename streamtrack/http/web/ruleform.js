// The questions about a zone or a line that was drawn: its name, and what it looks at.

import { text } from "./strings.js";

const $ = (id) => document.getElementById(id);

/**
 * Asks until it is answered or given up.
 * @param rule what is known of it: { kind, name, ... } as the server writes rules
 * @param save (rule) => a promise; what it throws is shown, and asked again
 */
export function askRule(rule, save) {
  const dialog = $("rule-dialog");
  const zone = rule.kind === "zone";
  $("rule-title").textContent = text(zone ? "zoneTitle" : "lineTitle");
  for (const node of dialog.querySelectorAll("[data-only]")) node.hidden = node.dataset.only !== rule.kind;
  $("rule-name").value = rule.name;
  $("rule-test").value = rule.test ?? "foot";
  $("rule-share").value = Math.round((rule.share ?? 0.5) * 100);
  $("rule-loiter").value = rule.loiter_ms ? rule.loiter_ms / 1000 : "";
  $("rule-forward").value = rule.forward ?? "in";
  $("rule-backward").value = rule.backward ?? "out";
  $("rule-classes").value = (rule.classes ?? []).join(", ");
  $("rule-labels").value = (rule.labels ?? []).join(", ");
  tell("");
  const showShare = () => ($("rule-share-box").hidden = !zone || $("rule-test").value !== "mask");
  $("rule-test").onchange = showShare;
  showShare();
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    if (event.submitter?.value !== "save") return dialog.close();
    try {
      await save(answered(rule, zone));
      dialog.close();
    } catch (error) {
      tell(error.message || text("error_none"));
    }
  };
  dialog.showModal();
  $("rule-name").select();
}

function answered(rule, zone) {
  const asked = {
    ...rule,
    name: $("rule-name").value.trim(),
    test: $("rule-test").value,
    classes: words($("rule-classes").value),
    labels: words($("rule-labels").value),
  };
  if (!zone) return { ...asked, forward: $("rule-forward").value.trim(), backward: $("rule-backward").value.trim() };
  const seconds = Number($("rule-loiter").value.replace(",", "."));
  return { ...asked, share: Number($("rule-share").value) / 100, loiter_ms: seconds > 0 ? Math.round(seconds * 1000) : null };
}

const words = (line) => line.split(",").map((word) => word.trim()).filter(Boolean);

function tell(line) {
  $("rule-wrong").textContent = line;
  $("rule-wrong").hidden = line === "";
}
