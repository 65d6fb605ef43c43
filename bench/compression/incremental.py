def incremental(folder, options):
    return None
