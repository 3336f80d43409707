"""The zoo: pictures of what trained models make. The models are the fits of all plugins."""
