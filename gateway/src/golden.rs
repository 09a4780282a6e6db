//! Is what is generated what is committed? Compares with a file of the repository; `UPDATE_GOLDEN=1` rewrites it.

use std::path::Path;

/// Compares `text` with the file at `path` (from the root of the repository).
#[expect(clippy::disallowed_methods, reason = "a switch of tests, not configuration")]
pub(crate) fn check(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if let Some(folder) = file.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = std::fs::write(&file, text);
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == text,
        "{path} is not up to date: run `UPDATE_GOLDEN=1 cargo test -p lakegate --lib golden` and look at the difference"
    );
}
