//! Which routes are there? One line each; the same lines are the API document.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use http::StatusCode;
use lakegate_query::error::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::AppState,
    error::ApiError,
    middleware,
    routes::{queries, sql, whoami},
};

/// Head of the API document; paths and schemas come from the routes.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Lakegate", version = "v1", description = "Lake governance and federated query gateway", license(name = "Apache-2.0")),
    components(schemas(lakegate_openapi::error::Error)),
    modifiers(&Security),
    security(("bearer" = []))
)]
struct Document;

/// Every route takes the same credential.
#[derive(Debug)]
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", scheme);
    }
}

/// All routes of the API, without state and middleware.
fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        // sorted: start
        .routes(routes!(queries::cancel::cancel_query))
        .routes(routes!(queries::events::watch_query))
        .routes(routes!(queries::find::find_query))
        .routes(routes!(queries::results::fetch_results))
        .routes(routes!(queries::submit::submit_query, queries::list::list_queries))
        .routes(routes!(sql::run_sql))
        .routes(routes!(whoami::find_identity))
    // sorted: end
}

/// The router with everything around it. The layer that is added last sees a request first.
pub fn router(app: AppState) -> Router {
    let (routes, _) = api().split_for_parts();
    routes
        .layer(from_fn_with_state(app.clone(), middleware::idempotency::answer_once))
        .layer(from_fn_with_state(
            app.clone(),
            middleware::authenticate::require_caller,
        ))
        .fallback(refuse_path)
        .method_not_allowed_fallback(refuse_method)
        .layer(DefaultBodyLimit::max(app.config.http.max_body_bytes))
        .layer(from_fn_with_state(app.clone(), middleware::drain::refuse_new_work))
        .layer(from_fn(middleware::hygiene::refuse_ambiguous))
        .layer(CatchPanicLayer::custom(middleware::panic::refuse))
        .layer(from_fn_with_state(app.clone(), middleware::access::observe))
        .layer(from_fn(middleware::trace::open_span))
        .layer(from_fn(middleware::request_id::name_request))
        .with_state(app)
}

/// The API document as JSON.
///
/// # Errors
/// If it cannot be written.
pub fn document() -> serde_json::Result<String> {
    let (_, document) = api().split_for_parts();
    Ok(document.to_pretty_json()? + "\n")
}

async fn refuse_path() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this path")
}

async fn refuse_method() -> ApiError {
    ApiError::http(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::InvalidRequest,
        "the path does not have this method",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn golden_document() {
        golden::check("openapi/v1.json", &document().unwrap());
    }

    #[test]
    fn operations_have_a_verb_a_text_and_the_envelope() {
        let (_, document) = api().split_for_parts();
        let document = serde_json::to_value(&document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            assert!(path.starts_with("/v1/"), "{path}");
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap_or_default();
                assert!(id.contains('_'), "{method} {path}: `{id}` is not <verb>_<resource>");
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{id} has no text"
                );
                assert!(
                    operation["responses"].get("default").is_some(),
                    "{id} does not name the envelope"
                );
            }
        }
    }
}
