//! State that the views of runs share: the table, and which runs are marked, hidden, filtered and
//! sorted.

use crate::protocol::{RunRow, RunSource, RunTable, printable};
use crate::ui::theme::Theme;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// State that the views of runs share.
#[derive(Debug)]
pub struct RunList {
    pub source: Arc<dyn RunSource>,
    pub table: Arc<RunTable>,
    /// Indices into the table of the listed runs, in order.
    pub listed: Vec<usize>,
    /// Index into `listed` of the run under the cursor.
    pub cursor: usize,
    pub marked: BTreeSet<String>,
    /// The only run whose curves are shown, if it was opened from the table.
    pub opened: Option<String>,
    pub pinned: BTreeSet<String>,
    pub hidden: BTreeSet<String>,
    pub filter: String,
    /// Why the filter is invalid.
    pub wrong: Option<String>,
    pub sort: usize,
    /// Number of columns scrolled out to the left, after the name.
    pub skipped: usize,
    pub reversed: bool,
    /// The colour index of each run, in order of first appearance, independent of filters.
    colours: HashMap<String, usize>,
    /// Whether the message about what was found has been shown.
    announced: bool,
    /// What `listed` was made from: the revision of the table, and the filter.
    made: Option<(u64, String)>,
}

/// The list of runs, shared by the views of one dashboard.
pub type SharedRunList = Rc<RefCell<RunList>>;

/// Maximum number of metrics in the table.
pub const MAX_METRICS: usize = 3;

impl RunList {
    #[must_use]
    pub fn shared(source: Arc<dyn RunSource>) -> SharedRunList {
        let table = source.table();
        Rc::new(RefCell::new(Self {
            source,
            table,
            listed: Vec::new(),
            cursor: 0,
            marked: BTreeSet::new(),
            opened: None,
            pinned: BTreeSet::new(),
            hidden: BTreeSet::new(),
            filter: String::new(),
            wrong: None,
            sort: 0,
            skipped: 0,
            reversed: false,
            colours: HashMap::new(),
            announced: false,
            made: None,
        }))
    }

    /// Gets the current table, and updates the list of runs if anything changed.
    pub fn refresh(&mut self) {
        self.table = self.source.table();
        let wanted = (self.table.revision, self.filter.clone());
        if self.made.as_ref() == Some(&wanted) {
            return;
        }
        self.made = Some(wanted);
        self.list();
    }

    /// Lists the runs according to filter, sorting, pins and hidden runs.
    pub fn list(&mut self) {
        let under = self.under_cursor().map(|row| row.name.clone());
        for row in &self.table.rows {
            let next = self.colours.len();
            self.colours.entry(row.name.clone()).or_insert(next);
        }
        let matching = if self.filter.trim().is_empty() {
            self.wrong = None;
            None
        } else {
            match self.source.filter(&self.filter) {
                Ok(names) => {
                    self.wrong = None;
                    Some(names)
                }
                // Keep the list while a query is incomplete.
                Err(why) => {
                    self.wrong = Some(why);
                    return;
                }
            }
        };
        let rows = &self.table.rows;
        let is_listed = |row: &RunRow| {
            let matches = matching.as_ref().is_none_or(|names| names.contains(&row.name));
            self.pinned.contains(&row.name) || (matches && !self.hidden.contains(&row.name))
        };
        let mut listed: Vec<usize> =
            (0..rows.len()).filter(|&place| is_listed(&rows[place])).collect();
        let columns = self.columns();
        listed.sort_by(|&a, &b| {
            let pinned = |place: usize| !self.pinned.contains(&rows[place].name);
            let order = compare(&rows[a], &rows[b], self.sort, &columns);
            let order = if self.reversed { order.reverse() } else { order };
            pinned(a).cmp(&pinned(b)).then(order)
        });
        self.listed = listed;
        let place =
            |name: &String| self.listed.iter().position(|&at| self.table.rows[at].name == *name);
        let kept = under.as_ref().and_then(place).unwrap_or(self.cursor);
        self.cursor = kept.min(self.listed.len().saturating_sub(1));
    }

    /// The run under the cursor.
    #[must_use]
    pub fn under_cursor(&self) -> Option<&RunRow> {
        self.table.rows.get(*self.listed.get(self.cursor)?)
    }

    /// The runs whose curves are shown: the opened one, the marked ones, or all listed ones.
    #[must_use]
    pub fn charted(&self) -> Vec<&RunRow> {
        let all = &self.table.rows;
        if let Some(opened) = &self.opened {
            return all.iter().filter(|row| row.name == *opened).collect();
        }
        if self.marked.is_empty() {
            return self.listed.iter().filter_map(|&place| all.get(place)).collect();
        }
        all.iter().filter(|row| self.marked.contains(&row.name)).collect()
    }

    /// Which runs are charted, in a word.
    #[must_use]
    pub fn which(&self) -> &'static str {
        match (&self.opened, self.marked.is_empty()) {
            (Some(_), _) => "opened",
            (None, true) => "all",
            (None, false) => "marked",
        }
    }

    /// Marks or unmarks a run.
    pub fn toggle_mark(&mut self, name: String) {
        self.opened = None;
        if !self.marked.remove(&name) {
            self.marked.insert(name);
        }
    }

    /// Marks all listed runs.
    pub fn mark_all(&mut self) {
        self.opened = None;
        let names = self.listed.iter().filter_map(|&place| self.table.rows.get(place));
        self.marked.extend(names.map(|row| row.name.clone()));
    }

    /// A message about what was found, once everything was read; only the first time.
    pub fn announce(&mut self, theme: &Theme) -> Option<String> {
        let table = self.source.table();
        if self.announced || table.loading {
            return None;
        }
        self.announced = true;
        let kinds: Vec<String> = table
            .formats
            .iter()
            .map(|(name, count)| format!("{} {count}", theme.say(name)))
            .collect();
        let kinds = kinds.join(", ");
        let (runs, files) = (table.rows.len(), table.files);
        Some(if runs == 0 {
            theme
                .say("no logs of a known kind were found; `nntop watch --explain` says why")
                .to_owned()
        } else {
            theme.fill("found {} runs in {} files: {}", &[&runs, &files, &kinds])
        })
    }

    /// The number of runs and files, in words.
    #[must_use]
    pub fn note(&self, theme: &Theme) -> String {
        let table = &self.table;
        let (listed, all) = (self.listed.len(), table.rows.len());
        let mut parts = Vec::new();
        if table.loading {
            parts.push(theme.say("reading…").to_owned());
        }
        if !self.marked.is_empty() {
            parts.push(theme.fill("{} marked", &[&self.marked.len()]));
        }
        parts.push(theme.fill("{} of {} runs, {} files", &[&listed, &all, &table.files]));
        if !table.problems.is_empty() {
            parts.push(theme.fill("{} problems", &[&table.problems.len()]));
        }
        parts.join(" · ")
    }

    /// The colour index of a run.
    #[must_use]
    pub fn colour(&self, run: &str) -> usize {
        self.colours.get(run).copied().unwrap_or(0)
    }

    /// The metrics in the table, at most [`MAX_METRICS`]: the most informative ones, and among
    /// equally informative ones those that most runs have.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for metric in self.table.rows.iter().flat_map(|row| &row.metrics) {
            *counts.entry(&metric.name).or_default() += 1;
        }
        let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
        names.sort_by(|a, b| (relevance(a.0), b.1, a.0).cmp(&(relevance(b.0), a.1, b.0)));
        names.into_iter().take(MAX_METRICS).map(|(name, _)| name.to_owned()).collect()
    }

    /// Number of columns for sorting.
    #[must_use]
    pub fn sortable(&self) -> usize {
        let config = self.table.rows.first().map_or(0, |row| row.config.len());
        3 + self.columns().len() + config
    }

    /// The hyper-parameters in which the charted runs differ, with the value of each run.
    #[must_use]
    pub fn differing(&self) -> Vec<(String, Vec<String>)> {
        let rows = self.charted();
        let Some(first) = rows.first() else { return Vec::new() };
        let column = |place: usize| -> Vec<String> {
            let value = |row: &&RunRow| row.config.get(place).map(|(_, value)| value.clone());
            rows.iter().map(|row| value(row).unwrap_or_default()).collect()
        };
        let columns =
            (0..first.config.len()).map(|place| (first.config[place].0.clone(), column(place)));
        columns.filter(|(_, values)| values.iter().any(|value| *value != values[0])).collect()
    }

    /// All metrics of the charted runs, sorted by group and name.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        let rows = self.charted();
        let names: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.metrics.iter().map(|metric| metric.name.as_str()))
            .collect();
        let mut names: Vec<&str> =
            names.into_iter().filter(|name| !name.starts_with('_')).collect();
        let group =
            |name: &str| name.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
        names.sort_by_key(|name| (group(name), relevance(name), *name));
        names.into_iter().map(str::to_owned).collect()
    }
}

/// The rank of a metric by how informative it is, lowest first: on validation or test data 0 for
/// losses and 1 for accuracies and similar measures, otherwise 2 and 3; 8 for all other metrics.
fn relevance(name: &str) -> usize {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let kind = if has(&["loss", "cost"]) {
        0
    } else if has(&["acc", "map", "f1", "bleu", "reward", "error", "perplexity"]) {
        1
    } else {
        return 8;
    };
    kind + if has(&["val", "eval", "test"]) { 0 } else { 2 }
}

/// Compares two runs by a column: 0 the name, 1 the state, 2 the step, then the best values of the
/// metrics shown, then hyper-parameters. Runs without the value come last.
fn compare(a: &RunRow, b: &RunRow, column: usize, metrics: &[String]) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Greater, Less};
    let by_name = || a.name.cmp(&b.name);
    let ordered = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Less,
        (None, Some(_)) => Greater,
        (None, None) => std::cmp::Ordering::Equal,
    };
    let order = match column {
        0 => return a.display_name().cmp(b.display_name()).then_with(by_name),
        1 => a.state.cmp(b.state),
        2 => ordered(a.step.map(|step| step as f64), b.step.map(|step| step as f64)),
        _ => {
            if let Some(metric) = metrics.get(column - 3) {
                let best = |row: &RunRow| row.metrics.iter().find(|m| m.name == *metric)?.best;
                ordered(best(a), best(b))
            } else {
                let place = column - 3 - metrics.len();
                let value = |row: &RunRow| row.config.get(place).map(|(_, value)| value.clone());
                let number = |row: &RunRow| value(row)?.parse().ok();
                match (number(a), number(b)) {
                    (None, None) => value(a).cmp(&value(b)),
                    (a, b) => ordered(a, b),
                }
            }
        }
    };
    order.then_with(by_name)
}

/// A run's name without the directories that all of these runs have in common.
#[must_use]
pub fn strip_common_path<'a>(name: &'a str, all: &[&str]) -> &'a str {
    let shares = |end: usize| all.iter().all(|other| other.get(..end) == name.get(..end));
    let mut ends = name.match_indices('/').map(|(at, _)| at + 1);
    let common = ends.rfind(|&end| shares(end)).unwrap_or(0);
    &name[common..]
}

/// Text from a log, escaped for the terminal, and shortened in the middle to `columns` characters.
#[must_use]
pub fn shown(text: &str, columns: usize) -> String {
    let text = printable(text);
    let count = text.chars().count();
    if count <= columns {
        return text.into_owned();
    }
    let tail = columns.saturating_sub(1) / 2;
    let head = columns.saturating_sub(1) - tail;
    let front: String = text.chars().take(head).collect();
    let back: String = text.chars().skip(count - tail).collect();
    format!("{front}…{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_without_a_step_come_last() {
        let row = |name: &str, step| RunRow { name: name.into(), step, ..RunRow::default() };
        let mut rows = [row("none", None), row("late", Some(20)), row("early", Some(3))];
        rows.sort_by(|a, b| compare(a, b, 2, &[]));
        assert_eq!(rows.each_ref().map(|row| row.name.as_str()), ["early", "late", "none"]);
    }
}
