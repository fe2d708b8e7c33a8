// Numbers and times as people read them.

/** Dollars: two digits, more where they matter ("$0.15", "$0.005"). */
export function money(dollars) {
  const digits = dollars !== 0 && Math.abs(dollars) < 0.1 ? 3 : 2;
  const sign = dollars < 0 ? "−" : "";
  return `${sign}$${Math.abs(dollars).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

/** "850 B", "1.2 MB". */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB"];
  const power = Math.min(units.length, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

/** Seconds as a clock: "0:07", "12:03". */
export function clock(seconds) {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Seconds in words: "3.2 s", "2 min 5 s". */
export function span(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${minutes} min ${Math.round(seconds % 60)} s`;
}

/** A moment near now: "just now", "5 minutes ago", else the date. */
export function ago(iso, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(iso)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return moment(iso);
}

/** Date and time in the reader's own way. */
export function moment(iso) {
  return new Date(Date.parse(iso)).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** "reuse_interval" as "Reuse interval". */
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A number without needless digits. */
export function plain(number) {
  return Number.isInteger(number) ? String(number) : String(Number(number.toFixed(3)));
}
