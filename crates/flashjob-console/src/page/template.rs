//! Pages from templates: what others wrote is escaped, and is never markup. Pure.

use std::sync::LazyLock;

use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};
use tera::{Context, Tera, TeraResult};

use crate::problem::Problem;

/// By the ending of their names all of them are escaped.
const TEMPLATES: [(&str, &str); 13] = [
    ("base.html", include_str!("../../templates/base.html")),
    ("home.html", include_str!("../../templates/home.html")),
    ("login.html", include_str!("../../templates/login.html")),
    ("enter.html", include_str!("../../templates/enter.html")),
    ("jobs.html", include_str!("../../templates/jobs.html")),
    (
        "approvals.html",
        include_str!("../../templates/approvals.html"),
    ),
    ("classes.html", include_str!("../../templates/classes.html")),
    ("device.html", include_str!("../../templates/device.html")),
    ("fleet.html", include_str!("../../templates/fleet.html")),
    ("job.html", include_str!("../../templates/job.html")),
    (
        "question.html",
        include_str!("../../templates/question.html"),
    ),
    ("rollout.html", include_str!("../../templates/rollout.html")),
    ("problem.html", include_str!("../../templates/problem.html")),
];

static PAGES: LazyLock<TeraResult<Tera>> = LazyLock::new(|| {
    let mut pages = Tera::default();
    pages.add_raw_templates(TEMPLATES)?;
    Ok(pages)
});

/// Why a page is not shown.
#[derive(Debug)]
pub struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// Renders a page.
pub fn text(name: &str, values: &Value) -> Result<String, Problem> {
    let failed = |error: &tera::Error| {
        tracing::error!(
            page = name,
            error = error as &dyn std::error::Error,
            "a page cannot be rendered"
        );
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page cannot be rendered",
        )
    };
    let pages = PAGES.as_ref().map_err(failed)?;
    let context = Context::from_serialize(values).map_err(|error| failed(&error))?;
    pages.render(name, &context).map_err(|error| failed(&error))
}

/// The answer with a page.
pub fn html(name: &str, values: &Value) -> Result<Response, Refusal> {
    Ok(Html(text(name, values)?).into_response())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let values = json!({"title": problem.title, "detail": problem.detail, "reason": problem.reason, "status": problem.status});
        let Ok(page) = text("problem.html", &values) else {
            return problem.into_response();
        };
        // Its status and its headers hold for the page, too.
        let mut response = problem.into_response();
        let (parts, body) = Html(page).into_response().into_parts();
        response.headers_mut().remove("content-length");
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
        response
    }
}
