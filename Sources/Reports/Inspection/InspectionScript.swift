import Pages

/// The script that moves the selection on an inspection page.
///
/// Without scripts, each character still has its title.
enum InspectionScript {
    static let script = Page.Script(source: source, hash: hash)

    /// The SHA-256 of the source in Base64; a test checks it and prints the right value.
    static let hash = "rlgQfKJ5w1ktMO1S30iyUZFVXo7BJTM6oM+pOb4J2+I="

    static let source: Markup = """
        "use strict";
        (() => {
          const text = document.getElementById("text"), detail = document.getElementById("detail");
          const all = Array.from(text.children), place = new Map(all.map((element, index) => [element, index]));
          const start = text.dataset.unit, surprising = /^s[67]/;
          let at = -1;
          const tell = (index) => { detail.textContent = start + " " + (index + 1).toLocaleString("en") + ", " + all[index].title; };
          const select = (index) => {
            if (at >= 0) all[at].classList.remove("at");
            at = Math.max(0, Math.min(all.length - 1, index));
            all[at].classList.add("at");
            all[at].scrollIntoView({ block: "nearest" });
            tell(at);
          };
          const line = (direction) => {
            const from = all[at].getBoundingClientRect();
            let best = at, distance = Infinity, top = null;
            for (let index = at + direction; index >= 0 && index < all.length; index += direction) {
              const box = all[index].getBoundingClientRect();
              if ((box.top - from.top) * direction < 4) continue;
              if (top !== null && Math.abs(box.top - top) > 4) break;
              top = box.top;
              if (Math.abs(box.left - from.left) < distance) { best = index; distance = Math.abs(box.left - from.left); }
            }
            return best;
          };
          const jump = (direction) => {
            for (let index = at + direction; index >= 0 && index < all.length; index += direction)
              if (surprising.test(all[index].className)) return index;
            return at;
          };
          const moves = {
            ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => line(1), ArrowUp: () => line(-1),
            Home: () => 0, End: () => all.length - 1, n: () => jump(1), p: () => jump(-1),
          };
          text.addEventListener("keydown", (event) => {
            const move = moves[event.key] || moves[event.key.toLowerCase()];
            if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            // Nothing is selected at first: an arrow begins with the first character, the others start from there.
            const begins = at < 0 && event.key.startsWith("Arrow");
            at = Math.max(at, 0);
            select(begins ? 0 : move());
          });
          text.addEventListener("click", (event) => { if (place.has(event.target)) select(place.get(event.target)); });
          text.addEventListener("mouseover", (event) => { if (place.has(event.target)) tell(place.get(event.target)); });
          addEventListener("hashchange", () => {
            const target = document.getElementById(location.hash.slice(1));
            if (place.has(target)) { select(place.get(target)); text.focus({ preventScroll: true }); }
          });
        })();
        """
}
