"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value;
      const body = table.tBodies[0];
      const numeric = [...body.rows].every((row) => !Number.isNaN(Number(value(row))));
      const compare = (a, b) =>
        numeric ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b));
      const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
      body.append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort();
    });
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", () => {
    const table = document.getElementById("table-" + button.dataset.copy);
    // As csv_text of _tables.py does it: no cell but a number may look like a formula.
    const plain = (text) =>
      /^[=+\-@\t\r\n]/.test(text) && Number.isNaN(Number(text)) ? "'" + text : text;
    const quote = (text) => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
    const lines = [...table.rows].map((row) =>
      [...row.cells].map((cell) => quote(plain(cell.dataset.value ?? cell.textContent))).join(",")
    );
    navigator.clipboard.writeText(lines.join("\n") + "\n").then(
      () => { button.textContent = "Copied"; },
      () => { button.textContent = "Select the table to copy it"; }
    );
  });
}
