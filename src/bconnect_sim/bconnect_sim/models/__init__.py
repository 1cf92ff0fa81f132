"""Vehicle meshes baked from Debian's sweethome3d-furniture; see ATTRIBUTION.md."""
