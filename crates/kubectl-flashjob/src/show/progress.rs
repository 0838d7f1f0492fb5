//! A bar for how far a job is. Pure.

/// So many columns, filled as far as `done` is of `all`. Full only when all is done, and empty only when nothing is.
pub fn bar(done: i64, all: i64, columns: usize) -> String {
    let columns = columns.max(1);
    let (done, all) = (done.max(0), all.max(0));
    let filled = if all == 0 || done == 0 {
        0
    } else if done >= all {
        columns
    } else {
        let share = i128::from(done) * columns as i128 / i128::from(all);
        let share = usize::try_from(share).unwrap_or(columns);
        share.clamp(1, (columns - 1).max(1))
    };
    format!("{}{}", "█".repeat(filled), "░".repeat(columns - filled))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(0, 10, "░░░░")]
    #[case::a_first(1, 1000, "█░░░")]
    #[case::half(5, 10, "██░░")]
    #[case::all_but_one(999, 1000, "███░")]
    #[case::all(10, 10, "████")]
    #[case::of_nothing(0, 0, "░░░░")]
    #[case::more_than_all(12, 10, "████")]
    fn a_bar_is_full_when_all_is_done(#[case] done: i64, #[case] all: i64, #[case] expected: &str) {
        assert_eq!(bar(done, all, 4), expected);
    }
}
