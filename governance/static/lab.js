// Puts a slider beside every number of the what-if form. Both say the same; the form works without.
"use strict";

for (const number of document.querySelectorAll("input[data-slider]")) {
  const slider = document.createElement("input");
  slider.type = "range";
  for (const name of ["min", "max"]) slider.setAttribute(name, number.getAttribute(name));
  slider.step = number.dataset.slider;
  slider.value = number.value;
  const words = number.closest("label").firstChild.textContent.trim();
  slider.setAttribute("aria-label", `${words}, slider`);
  const tell = () => slider.setAttribute("aria-valuetext", `${slider.value} %`);
  tell();
  slider.addEventListener("input", () => {
    number.value = slider.value;
    tell();
  });
  slider.addEventListener("change", () => number.form.requestSubmit());
  number.addEventListener("input", () => {
    slider.value = number.value;
    tell();
  });
  number.closest("label").after(slider);
}

for (const choice of document.querySelectorAll("form.ask select")) {
  choice.addEventListener("change", () => {
    // Another asset or book has other parameters: ask for those.
    for (const number of choice.form.querySelectorAll("input[data-slider]")) if (number.name !== "drop") number.disabled = true;
    if (choice.name === "book" && choice.form.asset) choice.form.asset.disabled = true;
    choice.form.requestSubmit();
  });
}
