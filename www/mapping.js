export const openMap = async () => null;
