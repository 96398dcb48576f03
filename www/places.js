/** The field for a place: coordinates as people write them, or a town of the gazetteer, as a combobox. */

import { ask, stopped } from "./api.js";
import { byId, element } from "./dom.js";
import { place as parse } from "./earth.js";

const PAUSE = 150; // ms of silence before the gazetteer is asked

const countries = new Intl.DisplayNames("en", { type: "region" });

/** Return where a town is, in words. */
const within = ({ admin, country }) => [admin, country && countries.of(country)].filter(Boolean).join(", ");

/** Return a town's name with its region and country. */
export const townName = (town) => [town.name, within(town)].filter(Boolean).join(", ");

/** Wire the field; `chosen` is called with {lat, lon} and the town or null, `refused` with a sentence, `left` when done. */
export function wirePlaces(chosen, refused, left) {
  const field = byId("place");
  const list = byId("towns");
  let towns = [];
  let active = -1;
  let asking = null;
  let timer = 0;
  let unsettled = false; // whether somebody typed what is neither a place yet nor refused

  function show(found) {
    towns = found;
    active = found.length ? 0 : -1;
    list.replaceChildren(
      ...found.map((town, index) =>
        element(
          "li",
          { role: "option", id: `town-${index}`, pointerdown: (event) => event.preventDefault(), click: () => take(town) },
          town.name,
          element("small", {}, within(town)),
        ),
      ),
    );
    list.hidden = found.length === 0;
    field.setAttribute("aria-expanded", String(found.length > 0));
    point();
  }

  function point() {
    list.querySelectorAll("li").forEach((item, index) => item.setAttribute("aria-selected", String(index === active)));
    if (active < 0) return field.removeAttribute("aria-activedescendant");
    list.children[active].scrollIntoView({ block: "nearest" });
    return field.setAttribute("aria-activedescendant", `town-${active}`);
  }

  function close() {
    clearTimeout(timer);
    asking?.abort();
    show([]);
  }

  function take(town) {
    unsettled = false;
    close();
    field.blur();
    chosen({ lat: town.lat, lon: town.lon }, town);
  }

  async function look(text, signal) {
    return (await ask(`/sim/places?q=${encodeURIComponent(text.slice(0, 60))}`, signal)).places;
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    unsettled = true;
    const text = field.value.trim();
    if (text.length < 2 || parse(text)) return show([]);
    timer = setTimeout(async () => {
      asking?.abort();
      asking = new AbortController();
      try {
        show(await look(text, asking.signal));
      } catch (error) {
        if (!stopped(error)) refused(error.message);
      }
    }, PAUSE);
  });

  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return close();
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && towns.length) {
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : towns.length - 1)) % towns.length;
      return point();
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (active >= 0) return take(towns[active]);
    return settle();
  });

  /** Take what stands in the field: coordinates, or the first town of that name. */
  async function settle() {
    unsettled = false;
    close();
    const text = field.value.trim();
    const here = parse(text);
    if (here) return chosen(here, null);
    if (text.length < 2) return refused("Give a town, or latitude and longitude such as 37.3553, -121.8763.");
    try {
      const [town] = await look(text);
      return town ? take(town) : refused(`No town “${text}” is known here. Give latitude and longitude, or click the map.`);
    } catch (error) {
      return refused(error.message);
    }
  }

  field.addEventListener("focus", () => field.select());
  field.addEventListener("blur", () => {
    if (unsettled) return settle();
    close();
    return left();
  });
}
