// A click on a column's head sorts the rows by it, a second one the other way, a third one puts them back.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = table.tHead ? [...table.tHead.rows[0].cells] : [], first = [...body.rows];
  if (first.length < 2) continue;
  const value = (row, at) => {
    const cell = row.cells[at], number = cell && cell.querySelector("data");
    return number ? Number(number.value) : cell ? cell.textContent.trim() : "";
  };
  const compare = (one, other) => typeof one === "number" && typeof other === "number" ? one - other
    : String(one).localeCompare(String(other), undefined, {numeric: true});
  heads.forEach((head, at) => {
    head.tabIndex = 0;
    head.classList.add("sorts");
    const sort = () => {
      const way = {ascending: "descending", descending: ""}[head.ariaSort] ?? "ascending";
      heads.forEach(one => one.removeAttribute("aria-sort"));
      if (way) head.setAttribute("aria-sort", way);
      const sign = way === "descending" ? -1 : 1;
      const rows = way ? [...first].sort((one, other) => sign * compare(value(one, at), value(other, at))) : first;
      body.append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
}
