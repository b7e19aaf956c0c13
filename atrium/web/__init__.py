"""The pages that people open in a browser: how they are built from the folder web/, and how they are served."""
