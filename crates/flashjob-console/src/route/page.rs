//! Parts of a list: how many, and from where on. Pure.

use kube::api::ListParams;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// Items of one page where nobody says.
pub const USUAL: u32 = 50;
/// Most items of one page.
pub const MOST: u32 = 500;

/// Which part of a list.
#[derive(Deserialize, IntoParams, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Most items, from 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `metadata.continue` of the page before.
    #[serde(rename = "continue")]
    pub continue_: Option<String>,
    /// Labels that the items have, as kubectl takes them.
    pub label_selector: Option<String>,
    /// Fields that the items have, as kubectl takes them.
    pub field_selector: Option<String>,
}

/// How many items are meant.
///
/// # Errors
/// When it is none or too many.
pub fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    let words = format!("limit is {limit}, and must be from 1 to {MOST}");
    Err(Problem::bad_request(words))
}

impl Page {
    /// As the API server is asked for it.
    ///
    /// # Errors
    /// When the limit is none.
    pub fn parameters(self) -> Result<ListParams, Problem> {
        Ok(ListParams {
            limit: Some(limit(self.limit)?),
            continue_token: self.continue_.filter(|token| !token.is_empty()),
            label_selector: self.label_selector,
            field_selector: self.field_selector,
            ..ListParams::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, Some(50))]
    #[case(Some(1), Some(1))]
    #[case(Some(500), Some(500))]
    #[case(Some(0), None)]
    #[case(Some(501), None)]
    fn a_page_has_from_1_to_500_items(#[case] asked: Option<u32>, #[case] expected: Option<u32>) {
        assert_eq!(limit(asked).ok(), expected);
    }
}
