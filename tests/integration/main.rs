//! Integration tests, in one binary.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bad_data;
mod bad_input;
mod bad_pictures;
mod book;
mod canned;
mod command_line;
mod dashboard;
mod data_formats;
mod ensemble;
mod explore;
mod first_hour;
mod foreign_models;
mod golden;
mod headless;
mod hostile_files;
mod languages;
mod layering;
mod logs;
mod picture_cache;
mod predictions;
mod printing;
mod pty;
mod reading;
mod reducer;
mod resume;
mod screens;
mod search;
mod sessions;
mod small_data;
mod static_binary;
mod terminal;
mod terminals;
