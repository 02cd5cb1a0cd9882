// Times as people read them, in the server's zone: a token ends at the end of a day there.

const DAY_S = 86400;

/** `2026-11-21 14:03`, or only the day. */
export function format(unixS, zone, withTime = true) {
  const options = { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" };
  if (withTime) Object.assign(options, { hour: "2-digit", minute: "2-digit" });
  return new Intl.DateTimeFormat("sv-SE", options).format(new Date(unixS * 1000));
}

/** The day of `unixS` in the zone, moved by whole years: for an `<input type="date">`. */
export function day(unixS, zone, years = 0) {
  const [year, month, date] = format(unixS, zone, false).split("-");
  const moved = `${Number(year) + years}-${month}-${date}`;
  return month === "02" && date === "29" && years !== 0 ? `${Number(year) + years}-02-28` : moved;
}

/** `in 12 days`, `2 hours ago`. */
export function relative(unixS, nowUnixS) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const seconds = unixS - nowUnixS;
  for (const [unit, length] of [["year", 365 * DAY_S], ["month", 30 * DAY_S], ["day", DAY_S], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? "in less than a minute" : "less than a minute ago";
}

/** What there is to say about a token's end: `ended`, `soon`, `later` or `never`, and `waiting` before its start. */
export function stateOf(token, nowUnixS, soonDays) {
  const end = token.expires_unix_s;
  if (end !== null && end <= nowUnixS) return "ended";
  if (token.not_before_unix_s > nowUnixS) return "waiting";
  if (end === null) return "never";
  return end - nowUnixS < soonDays * DAY_S ? "soon" : "later";
}
