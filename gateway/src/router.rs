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
    routes::{
        api_keys, apply, audit_events, catalogs, column_masks, columns, connections, data_filters, databases, epochs,
        export, grants, mask_keys, partitions, policies, queries, roles, rollback, sql, tables, tags, usage, users,
        views, whoami, workgroups,
    },
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
        .routes(routes!(api_keys::create::create_api_key, api_keys::list::list_api_keys))
        .routes(routes!(api_keys::delete::delete_api_key, api_keys::find::find_api_key, api_keys::update::update_api_key))
        .routes(routes!(apply::apply_lake))
        .routes(routes!(audit_events::list::list_audit_events))
        .routes(routes!(catalogs::create::create_catalog, catalogs::list::list_catalogs))
        .routes(routes!(catalogs::delete::delete_catalog, catalogs::find::find_catalog, catalogs::update::update_catalog))
        .routes(routes!(catalogs::find_tags::find_catalog_tags, catalogs::set_tags::set_catalog_tags))
        .routes(routes!(catalogs::list_grants::list_catalog_grants))
        .routes(routes!(column_masks::create::create_column_mask, column_masks::list::list_column_masks))
        .routes(routes!(column_masks::delete::delete_column_mask, column_masks::find::find_column_mask, column_masks::update::update_column_mask))
        .routes(routes!(columns::find_tags::find_column_tags, columns::set_tags::set_column_tags))
        .routes(routes!(columns::list::list_columns))
        .routes(routes!(connections::create::create_connection, connections::list::list_connections))
        .routes(routes!(connections::delete::delete_connection, connections::find::find_connection, connections::update::update_connection))
        .routes(routes!(connections::test::test_connection))
        .routes(routes!(data_filters::create::create_data_filter, data_filters::list::list_data_filters))
        .routes(routes!(data_filters::delete::delete_data_filter, data_filters::find::find_data_filter, data_filters::update::update_data_filter))
        .routes(routes!(databases::create::create_database, databases::list::list_databases))
        .routes(routes!(databases::delete::delete_database, databases::find::find_database, databases::update::update_database))
        .routes(routes!(databases::find_tags::find_database_tags, databases::set_tags::set_database_tags))
        .routes(routes!(databases::list_grants::list_database_grants))
        .routes(routes!(epochs::compare::compare_epochs))
        .routes(routes!(epochs::list::list_epochs))
        .routes(routes!(export::export_lake))
        .routes(routes!(grants::create::create_grant, grants::list::list_grants))
        .routes(routes!(grants::delete::delete_grant, grants::find::find_grant, grants::update::update_grant))
        .routes(routes!(mask_keys::rewrap::rewrap_mask_keys))
        .routes(routes!(mask_keys::rotate::rotate_mask_key, mask_keys::list::list_mask_keys))
        .routes(routes!(partitions::create::create_partition, partitions::list::list_partitions))
        .routes(routes!(partitions::delete::delete_partition))
        .routes(routes!(policies::create::create_policy, policies::list::list_policies))
        .routes(routes!(policies::delete::delete_policy, policies::find::find_policy, policies::update::update_policy))
        .routes(routes!(policies::explain::explain_policies))
        .routes(routes!(policies::simulate::simulate_policies))
        .routes(routes!(policies::validate::validate_policies))
        .routes(routes!(queries::cancel::cancel_query))
        .routes(routes!(queries::events::watch_query))
        .routes(routes!(queries::find::find_query))
        .routes(routes!(queries::results::fetch_results))
        .routes(routes!(queries::submit::submit_query, queries::list::list_queries))
        .routes(routes!(roles::create::create_role, roles::list::list_roles))
        .routes(routes!(roles::delete::delete_role, roles::find::find_role, roles::update::update_role))
        .routes(routes!(rollback::rollback_lake))
        .routes(routes!(sql::run_sql))
        .routes(routes!(tables::create::create_table, tables::list::list_tables))
        .routes(routes!(tables::delete::delete_table, tables::find::find_table, tables::update::update_table))
        .routes(routes!(tables::find_tags::find_table_tags, tables::set_tags::set_table_tags))
        .routes(routes!(tables::list_grants::list_table_grants))
        .routes(routes!(tags::create::create_tag_key, tags::list::list_tag_keys))
        .routes(routes!(tags::delete::delete_tag_key, tags::find::find_tag_key, tags::update::update_tag_key))
        .routes(routes!(usage::list::list_usage))
        .routes(routes!(users::create::create_user, users::list::list_users))
        .routes(routes!(users::delete::delete_user, users::find::find_user, users::update::update_user))
        .routes(routes!(views::create::create_view, views::list::list_views))
        .routes(routes!(views::delete::delete_view, views::find::find_view, views::update::update_view))
        .routes(routes!(whoami::find_identity))
        .routes(routes!(workgroups::create::create_workgroup, workgroups::list::list_workgroups))
        .routes(routes!(workgroups::delete::delete_workgroup, workgroups::find::find_workgroup, workgroups::update::update_workgroup))
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
