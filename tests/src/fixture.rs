//! Which lake do the leak tests attack? The one of governance.md, over files and over SQLite.
