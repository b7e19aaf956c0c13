"""What can be read: collections, pages and cursors, and the statements that load them."""
